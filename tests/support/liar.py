"""A server between a client and the embedded AWS: it passes everything on, and changes what it is told to."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from tests.support.world import World

DROPPED = ("content-length", "connection", "transfer-encoding", "x-amz-crc32", "date", "server")
Answer = tuple[int, bytes]
CLOSED: Answer = (0, b"")  # the connection ends without an answer
RAW = -1  # in place of a status: what follows are the bytes of the whole answer, after which the connection ends

Lying = TypeVar("Lying", bound="Lies")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for: `operation` of DynamoDB, or the method and the path of S3."""

    operation: str
    method: str
    path: str
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)
        return data


@dataclass(slots=True)
class Between:
    """`instead` may answer before the server is asked, `after` may change its answer; None leaves all as it is.

    `rewrite` may change what the server is asked.
    """

    endpoint: str = ""
    instead: Callable[[Request], Answer | None] = lambda request: None
    after: Callable[[Request, int, bytes], Answer | None] = lambda request, status, body: None
    rewrite: Callable[[Request], bytes] = lambda request: request.body
    seen: list[Request] = field(default_factory=list)

    def count(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.seen)


def aws_error(code: str, status: int = 400) -> Answer:
    return status, json.dumps(
        {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "as the test says"}
    ).encode()


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    state, up = Between(), urlsplit(upstream)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # the head and the body of an answer leave at once

        def log_message(self, *_: Any) -> None:
            pass

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
            request = Request(operation, self.command, self.path, body)
            state.seen.append(request)
            if (answer := state.instead(request)) == CLOSED:
                self.close_connection = True
                return
            if answer is not None:
                self.say(*answer, {"Content-Type": "application/x-amz-json-1.0"})
                return
            connection = http.client.HTTPConnection(up.hostname or "", up.port, timeout=60)
            try:
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in ("connection", "transfer-encoding")
                }
                sent = state.rewrite(request)
                headers |= {"Content-Length": str(len(sent))} if "Content-Length" in headers else {}
                connection.request(self.command, self.path, sent, headers)
                said = connection.getresponse()
                status, content = said.status, said.read()
                kept = {k: v for k, v in said.getheaders() if k.lower() not in DROPPED}
            finally:
                connection.close()
            self.say(*(state.after(request, status, content) or (status, content)), kept)

        def say(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            if status == RAW:
                self.wfile.write(content)
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Lies(Protocol):
    """What a server in between says in AWS's place, and what becomes of its answers."""

    def instead(self, request: Request) -> Answer | None: ...

    def after(self, request: Request, status: int, body: bytes) -> Answer | None: ...


@contextmanager
def lied_to(world: World, lies: Callable[[Between], Lying]) -> Iterator[Lying]:
    """Have the runs of a world that are opened meanwhile hear these lies."""
    with between(world.endpoint) as lying:
        made = lies(lying)
        lying.instead, lying.after, behind, world.endpoint = made.instead, made.after, world.endpoint, lying.endpoint
        yield made
        world.endpoint = behind
