"""The short way over botocore's connections speaks HTTP/1.1 as the long way does."""

from __future__ import annotations

import datetime
import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import hypothesis.strategies as st
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given

from runbook_lib.aws.deadlines import http_session_of
from runbook_lib.aws.transport.answers import Incoming, NoAnswer, read_answer, usual_answer
from runbook_lib.aws.transport.client import DynamoDBRequest, broken_answer
from runbook_lib.aws.transport.http import HttpConnection, in_time
from runbook_lib.aws.transport.loop import RequestLoop
from runbook_lib.aws.transport.retry import BrokenAnswer

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Scripted:
    """Answers each request with the next bytes of its script, and closes the connection if the script says so."""

    script: list[tuple[bytes, bool]] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    open: list[socket.socket] = field(default_factory=list)


@contextmanager
def serving(server: Scripted, context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(server, listening, context))
        thread.start()
        try:
            yield server
        finally:
            for end in (listening, *server.open):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: Scripted, listening: socket.socket, context: ssl.SSLContext | None) -> None:
    threads = []
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            break
        server.connections += 1
        threads.append(threading.Thread(target=_talk, args=(server, connection, context)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _talk(server: Scripted, connection: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        with context.wrap_socket(connection, server_side=True) if context else connection as talking:
            server.open.append(talking)
            while request := _request(talking):
                server.heard.append(request)
                answer, close = server.script.pop(0) if server.script else (OK, False)
                talking.sendall(answer)
                if close:
                    return
    except OSError:
        pass


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        if not block:
            return b""
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < length and (block := connection.recv(65536)):
        body += block
    return head + b"\r\n\r\n" + body if len(body) == length else b""


def exchange_with(url: str, **settings: Any) -> tuple[HttpConnection, Any]:
    config = Config(read_timeout=2, connect_timeout=2, **settings.pop("config", {}))
    client = boto3.client(
        "dynamodb", "us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", config=config,
        **settings,
    )  # fmt: skip
    return HttpConnection(http_session_of(client), url), client


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as made:
        yield made


class ByLoop:
    """An exchange whose requests go through a loop."""

    def __init__(self, exchange: HttpConnection) -> None:
        way = SimpleNamespace(exchange=exchange)
        transport: Any = SimpleNamespace(
            way=lambda operation: way,
            signed=lambda way, request: ({"Host": "x"}, None),
            understood=lambda request, answer, used: answer,
            unanswered=broken_answer,
        )
        self.loop = RequestLoop(transport)

    def post(self, headers: dict[str, str], body: bytes) -> Any:
        came: list[Any] = []
        self.loop.start(DynamoDBRequest("Scan", body), came.append)
        while not came:
            self.loop.run_once(0.05)
        if isinstance(came[0], BrokenAnswer):
            assert isinstance(came[0].__cause__, NoAnswer)
            raise came[0].__cause__
        return came[0]

    def close(self) -> None:
        self.loop.close()


Wrapped = Callable[[HttpConnection], Any]


@pytest.fixture(params=["in its thread", "by the loop"])
def sent(request: pytest.FixtureRequest) -> Iterator[Wrapped]:
    """How requests are sent: each by the thread that asks, or all by one."""
    with ExitStack() as open_loops:

        def wrapped(exchange: HttpConnection) -> Any:
            if request.param == "in its thread":
                return exchange
            return open_loops.enter_context(closing(ByLoop(exchange)))

        yield wrapped


@pytest.fixture
def exchange(server: Scripted, sent: Wrapped) -> Iterator[Any]:
    made, client = exchange_with(f"http://127.0.0.1:{server.port}/")
    with closing(client):
        yield sent(made)


def test_a_connection_is_used_again(server: Scripted, exchange: HttpConnection) -> None:
    for _ in range(3):
        assert exchange.post({"Host": "x"}, b"body")[0] == 200
    assert server.connections == 1
    assert server.heard[0].startswith(b"POST / HTTP/1.1\r\nHost: x\r\n")
    assert server.heard[0].endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
    ],
    ids=["chunked", "interim", "close", "until-the-end"],
)  # fmt: skip
def test_every_way_to_end_an_answer_is_understood(
    server: Scripted, exchange: HttpConnection, answer: bytes, content: bytes
) -> None:
    server.script = [(answer, b"close" in answer or answer.startswith(b"HTTP/1.0"))]
    assert exchange.post({"Host": "x"}, b"")[2] == content
    assert exchange.post({"Host": "x"}, b"")[2] == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"nonsense\r\n",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
        b"\r\n",
    ],
)
def test_half_an_answer_is_no_answer_and_its_connection_is_not_used_again(
    server: Scripted, exchange: HttpConnection, answer: bytes
) -> None:
    server.script = [(answer, True)]
    with pytest.raises(NoAnswer):
        exchange.post({"Host": "x"}, b"")
    assert exchange.post({"Host": "x"}, b"")[0] == 200
    assert server.connections == 2


def test_a_server_that_is_not_there_is_no_answer(sent: Wrapped) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    made, client = exchange_with(f"http://127.0.0.1:{port}/")
    with closing(client), pytest.raises(NoAnswer, match="refused"):
        sent(made).post({"Host": "x"}, b"")


def test_a_server_that_is_silent_is_given_up_after_the_read_timeout(server: Scripted, exchange: HttpConnection) -> None:
    server.script = [(b"", False)]
    with pytest.raises(NoAnswer):
        exchange.post({"Host": "x"}, b"")


@given(
    status=st.integers(200, 599),
    headers=st.dictionaries(
        st.text("abcdefghijklmnop-", min_size=1, max_size=12).filter(lambda n: n not in ("connection",)),
        st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Zs"]), max_size=20),
        max_size=6,
    ),
    body=st.binary(max_size=300),
    chunks=st.lists(st.integers(1, 50), max_size=5),
    chunked=st.booleans(),
    block=st.integers(1, 400),
)
def test_an_answer_is_read_as_the_standard_library_reads_it(
    status: int, headers: dict[str, str], body: bytes, chunks: list[int], chunked: bool, block: int
) -> None:
    lines = [f"HTTP/1.1 {status} X", *(f"x-{name}: {value}" for name, value in headers.items())]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        transport, rest = b"", body
        for size in chunks:
            part, rest = rest[:size], rest[size:]
            transport += b"%x\r\n%s\r\n" % (len(part), part) if part else b""
        transport += (b"%x\r\n%s\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
        transport = body
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + transport

    class Socket:
        def makefile(self, mode: str) -> io.BytesIO:
            return io.BytesIO(raw)

    theirs = http.client.HTTPResponse(Socket(), method="POST")  # type: ignore[arg-type]
    theirs.begin()
    source = io.BytesIO(raw)
    (found, heard, content), _ = read_answer(Incoming(lambda size: source.read(min(size, block))))
    if status in (204, 304):  # these have no body; DynamoDB never sends them
        return
    assert (found, content) == (theirs.status, theirs.read())
    for name, value in headers.items():
        assert heard[f"x-{name}"] == value.strip() == theirs.headers[f"x-{name}"].strip()
    if (usual := usual_answer(raw)) is not None:
        assert usual == (found, {name: heard[name] for name in usual[1]}, content)
    assert usual is not None or status != 200 or chunked or headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_tls_uses_the_ca_bundle_and_refuses_a_server_it_does_not_know(
    certificate: tuple[Path, Path], sent: Wrapped
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(Scripted(), context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        made, client = exchange_with(url, verify=str(certificate[0]))
        with closing(client):
            trusted = sent(made)
            assert trusted.post({"Host": "x"}, b"secret")[0] == 200
            assert trusted.post({"Host": "x"}, b"secret" * 1_000_000)[0] == 200
        assert server.connections == 1
        assert len(server.heard) == 2
        stranger, other = exchange_with(url)
        with closing(other), pytest.raises(NoAnswer, match=r"(?i)certificate"):
            sent(stranger).post({"Host": "x"}, b"secret")
        assert len(server.heard) == 2


def test_behind_a_proxy_botocores_own_session_sends(server: Scripted, sent: Wrapped) -> None:
    proxy = f"http://127.0.0.1:{server.port}"
    made, client = exchange_with("http://dynamodb.example/", config={"proxies": {"http": proxy}})
    with closing(client):
        assert sent(made).post({"Host": "dynamodb.example"}, b"body") == (200, {"content-length": "2"}, b"{}")
    assert server.heard[0].startswith(b"POST http://dynamodb.example/ HTTP/1.1\r\n")


HEAD = b"HTTP/1.1 200 OK\r\n"
HOSTILE = {
    "a negative chunk": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk with a sign": CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n",
    "a chunk in Python's spelling": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk with a digit separator": CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n",
    "a huge chunk": CHUNKED + b"7fffffffffffffff\r\n{}",
    "a large chunk": CHUNKED + b"ffffffff\r\n{}",
    "no size of a chunk": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "a length with a sign": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a huge length": HEAD + b"Content-Length: 999999999999\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 1\r\n\r\n{}",
    "a flood of headers": HEAD + b"x: y\r\n" * 100_000,
    "a flood of long headers": HEAD + (b"x: " + b"y" * 60_000 + b"\r\n") * 3,
    "a header without an end": HEAD + b"x" * 200_000,
    "a flood of trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 100_000,
    "interim answers without an end": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=list(HOSTILE))
def test_what_no_honest_server_says_is_no_answer_and_costs_no_memory(
    server: Scripted, exchange: HttpConnection, answer: bytes
) -> None:
    server.script = [(answer, True)]
    with pytest.raises(NoAnswer):
        exchange.post({"Host": "x"}, b"{}")


class Dripping:
    """A socket that gives a few bytes every `every` seconds of a clock that only it moves."""

    def __init__(self, content: bytes, size: int, every: float) -> None:
        self.left, self.size, self.every, self.now = content, size, every, 0.0

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self, size: int) -> bytes:
        self.now += self.every
        block, self.left = self.left[: self.size], self.left[self.size :]
        return block


def dripped(content: bytes, size: int, every: float) -> tuple[float, bool]:
    """When a dripping answer was read or given up, with a timeout of ten seconds."""
    sock = Dripping(content, size, every)
    try:
        read_answer(Incoming(in_time(sock, 10.0, clock=lambda: sock.now)))
    except (NoAnswer, TimeoutError):
        return sock.now, False
    return sock.now, True


def test_a_drip_of_bytes_ends_and_a_slow_download_goes_on() -> None:
    large = HEAD + b"Content-Length: 1000000\r\n\r\n" + b" " * 1_000_000
    assert dripped(OK, 1, 9.0) == (18.0, False)
    assert dripped(large, 1, 0.5)[0] < 11
    assert dripped(large, 16_384, 2.0) == (124.0, True)
    assert not dripped(large, 4096, 2.0)[1]


def test_a_loop_gives_up_a_drip_of_bytes_and_goes_on_with_the_other_requests(server: Scripted) -> None:
    made, client = exchange_with(f"http://127.0.0.1:{server.port}/")
    with closing(client), closing(ByLoop(made)) as loop:
        server.script = [(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", False)]
        with pytest.raises(NoAnswer, match="in 2 s"):
            loop.post({"Host": "x"}, b"")
        assert loop.post({"Host": "x"}, b"")[0] == 200


@pytest.mark.parametrize("left", [0, 1], ids=["before the first byte", "with a part of it sent"])
def test_a_request_that_may_not_be_sent_any_more_is_held_back(server: Scripted, left: int) -> None:
    exchange, client = exchange_with(f"http://127.0.0.1:{server.port}")
    may, doubted = [True] * left, []
    with closing(client), closing(ByLoop(exchange)) as loop:
        loop.loop.may_send = lambda: bool(may and may.pop())
        loop.loop.transport.unanswered = lambda request, error: doubted.append(request) or broken_answer(request, error)
        with pytest.raises(NoAnswer, match="not sent in the time"):
            loop.post({"Host": "x"}, b"x" * 16_000_000)
        assert len(doubted) == left  # what has begun to be sent is in doubt, what has not is not
        loop.loop.may_send = lambda: True
        assert loop.post({"Host": "x"}, b"next")[0] == 200
    assert [request.endswith(b"next") for request in server.heard] == [True]


def test_a_connection_that_the_server_has_ended_meanwhile_is_not_used_again(server: Scripted, exchange: Any) -> None:
    server.script = [(OK, True)]
    assert exchange.post({"Host": "x"}, b"")[0] == 200
    time.sleep(0.2)
    if isinstance(exchange, ByLoop):
        exchange.loop.run_once(0.1)
    assert exchange.post({"Host": "x"}, b"")[0] == 200
    assert server.connections == 2
