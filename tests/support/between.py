"""A server between the product and the embedded AWS that changes what passes through it."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.world import World

HOP = ("transfer-encoding", "content-length", "connection", "accept-encoding", "proxy-connection")
Said = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    operation: str
    region: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body or b"{}")
        return found


@dataclass
class Between:
    """`before` may answer in the server's place or change the headers, `after` may change what it answered."""

    upstream: str
    before: Callable[[Asked], Said | None] = lambda asked: None
    after: Callable[[Asked, Said], Said] = lambda asked, said: said
    asked: list[Asked] = field(default_factory=list)
    endpoint: str = ""

    def operations(self) -> list[str]:
        return [asked.operation for asked in self.asked]


def refusal(code: str, status: int = 400, message: str = "no") -> Said:
    """An error as DynamoDB answers it."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(body).encode()


def changed(said: Said, change: Callable[[dict[str, Any]], None]) -> Said:
    """An answer in JSON with something changed in it; errors stay as they are."""
    if said[0] != 200:
        return said
    data = json.loads(said[2])
    change(data)
    return said[0], said[1], json.dumps(data).encode()


@contextmanager
def between(upstream: str, **how: Any) -> Iterator[Between]:
    """Listen on this machine and pass everything on to `upstream`."""
    made = Between(upstream, **how)

    class Handler(_Handler):
        here = made

    with _Server(("127.0.0.1", 0), Handler) as server:
        made.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def in_front_of(world: World, **how: Any) -> Iterator[None]:
    """Have the runs of a world that are opened meanwhile reach AWS through such a server."""
    with between(world.endpoint, **how) as made:
        world.endpoint, behind = made.endpoint, world.endpoint
        try:
            yield
        finally:
            world.endpoint = behind


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    here: Between
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def go(self) -> None:
        scope = re.search(r"Credential=[^/]*/\d+/([^/]+)/", self.headers.get("Authorization") or "")
        asked = Asked(
            (self.headers.get("X-Amz-Target") or "").split(".")[-1], scope[1] if scope else "", self.command, self.path,
            {name.lower(): value for name, value in self.headers.items()}, self._body(),
        )  # fmt: skip
        self.here.asked.append(asked)
        try:
            said = self.here.before(asked) or self.here.after(asked, self._forwarded(asked))
        except ConnectionError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, content = said
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = go

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _forwarded(self, asked: Asked) -> Said:
        up = urlsplit(self.here.upstream)
        connection = http.client.HTTPConnection(str(up.hostname), up.port, timeout=60)
        try:
            headers = {name: value for name, value in asked.headers.items() if name not in HOP}
            connection.request(asked.method, asked.path, asked.body, headers | {"Content-Length": str(len(asked.body))})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in (*HOP, "x-amz-crc32")]
        if asked.method == "HEAD":
            kept.append(("Content-Length", answer.getheader("Content-Length") or "0"))
        return answer.status, kept, content
