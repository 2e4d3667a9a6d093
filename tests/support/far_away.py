"""AWS behind a proxy: each request to a host of AWS, over TLS, is noted with its host and answered by a server here."""

from __future__ import annotations

import datetime
import http.client
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.liar import DROPPED, Request

NAMES = ("*.amazonaws.com", "*.us-east-1.amazonaws.com", "*.dynamodb.us-east-1.vpce.amazonaws.com")


@dataclass
class FarAway:
    """`environment` leads a command's requests to AWS here; `asked` are those that came, by host."""

    environment: dict[str, str]
    asked: list[tuple[str, Request]] = field(default_factory=list)

    def hosts_of(self, action: str) -> set[str]:
        """The hosts that were asked for an operation of DynamoDB, or an action of a service with forms."""
        form = f"Action={action}&".encode()
        return {host for host, request in self.asked if request.operation == action or form in request.body}


@contextmanager
def far_away(upstream: str, folder: Path) -> Iterator[FarAway]:
    up, context = urlsplit(upstream), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = _certificate(folder / "far-away.pem")
    context.load_cert_chain(certificate)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        host = ""

        def log_message(self, *_: Any) -> None:
            pass

        def do_CONNECT(self) -> None:
            self.host = self.path.partition(":")[0]
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
            made.asked.append((self.host, Request(operation, self.command, self.path, body)))
            connection = http.client.HTTPConnection(up.hostname or "", up.port, timeout=60)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, body, headers)
                said = connection.getresponse()
                content = said.read()
            finally:
                connection.close()
            self.send_response(said.status)
            for name, value in said.getheaders():
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = pass_on

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = f"http://127.0.0.1:{server.server_port}"
    made = FarAway({"HTTPS_PROXY": here, "AWS_CA_BUNDLE": str(certificate), "NO_PROXY": "127.0.0.1"})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(place: Path) -> Path:
    """A key and a certificate of its own making, for hosts of AWS."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in NAMES]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return place
