"""One HTTP request and its answer over botocore's own connections, with as little work as HTTP/1.1 allows.

The connection is made, kept and thrown away by the urllib3 pool that botocore configured (TLS, CA
bundle, client certificate, timeouts). Only the bytes on it are written and read here: a request costs
a tenth of what it costs through urllib3 (docs/adr/0008). Behind a proxy botocore's session sends it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError
from urllib3.exceptions import HTTPError

from runbook_lib.aws.deadlines import MOST_BYTES, Deadline
from runbook_lib.errors import TransferError

LINE, FIRST_BLOCK, BLOCK = 65536, 8192, 262144
HEADERS, HEADER_BYTES, INTERIM = 200, 131072, 10  # of one answer; AWS sends a dozen lines
SIZE, LENGTH = re.compile(rb"[0-9A-Fa-f]{1,8}"), re.compile(r"[0-9]{1,12}")
Answer = tuple[int, dict[str, str], bytes]


class NoAnswer(TransferError):
    """No whole answer came back: nobody knows what the server did."""


class HttpConnection:
    """POSTs to one URL; thread-safe."""

    def __init__(self, session: Any, url: str) -> None:
        # botocore has no public way to its connections; a test pins what is used here.
        self._session, self._url = session, url
        self._path = urlsplit(url).path or "/"
        self._proxied = session._proxy_config.proxy_url_for(url) is not None
        manager = session._get_connection_manager(url, session._proxy_config.proxy_url_for(url))
        self._pool = manager.connection_from_url(url)
        session._setup_ssl_cert(self._pool, url, session._verify)

    def post(self, headers: dict[str, str], body: bytes) -> Answer:
        """Status, headers (names in lower case) and body of the answer; raises NoAnswer."""
        if self._proxied:
            return self._through_session(headers, body)
        try:
            connection = self._pool._get_conn(self._pool.timeout.connect_timeout)
            try:
                if connection.is_closed:
                    connection.timeout = self._pool.timeout.connect_timeout
                    self._pool._validate_conn(connection)  # HTTPS connects in here
                    if connection.is_closed:
                        connection.connect()
                seconds = self._pool.timeout.read_timeout
                connection.sock.settimeout(seconds)
                connection.sock.sendall(self._head(headers, len(body)) + body)
                answer, reusable = read_answer(Incoming(in_time(connection.sock, seconds)))
            except BaseException:
                connection.close()
                raise
            if not reusable:
                connection.close()
            self._pool._put_conn(connection)
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(f"{self._url}: {type(error).__name__}: {error}") from error
        return answer

    def _head(self, headers: dict[str, str], length: int) -> bytes:
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self._path} HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n".encode("latin-1")

    def _through_session(self, headers: dict[str, str], body: bytes) -> Answer:
        request = AWSPreparedRequest("POST", self._url, headers, body, False)
        try:
            answer = self._session.send(request)
            content: bytes = answer.content
        except HTTPClientError as error:
            raise NoAnswer(f"{self._url}: {error}") from error
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, content


def in_time(sock: Any, seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[int], bytes]:
    """The receiving of one answer, until its deadline."""
    deadline = Deadline(seconds, clock)

    def receive(size: int) -> bytes:
        left = deadline.left()
        if deadline.received:  # its first bytes find the timeout set
            sock.settimeout(min(seconds, left))
        began = clock()
        block: bytes = sock.recv(size)
        deadline.took(clock() - began, len(block))
        return block

    return receive


class Incoming:
    """What comes in on a connection, to be read like a file; an answer is mostly one block."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive, self._block, self._at, self._next = receive, b"", 0, FIRST_BLOCK

    def readline(self) -> bytes:
        """Up to and with the next line feed, or less at the end of the connection."""
        while (end := self._block.find(b"\n", self._at)) < 0:
            if len(self._block) - self._at > LINE or not self._more():
                end = len(self._block) - 1
                break
        line, self._at = self._block[self._at : end + 1], end + 1
        return line

    def read(self, size: int | None = None) -> bytes:
        """So many bytes, or less at the end of the connection; all that comes without a size."""
        while (size is None or len(self._block) - self._at < size) and self._more():
            pass
        end = len(self._block) if size is None else self._at + size
        content, self._at = self._block[self._at : end], end
        return content

    def _more(self) -> bool:
        block = self._receive(self._next)
        self._next = min(2 * self._next, BLOCK)  # most answers are short, and memory for a long one is not free
        self._block, self._at = self._block[self._at :] + block, 0
        return bool(block)


def read_answer(file: Incoming) -> tuple[Answer, bool]:
    """One answer off a connection, and whether the connection can be used again.

    Raises ValueError for what is not HTTP/1 and NoAnswer for what ends too early.
    Source: RFC 9112, sections 4 to 7.
    """
    for _ in range(INTERIM):
        version, status = _status(_line(file))
        headers = _headers(file)
        if status >= 200:  # interim answers come before the real one
            break
    else:
        raise ValueError(f"{INTERIM} interim answers and no other")
    close = headers.get("connection", "").lower()
    reusable = close != "close" if version == b"HTTP/1.1" else close == "keep-alive"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        content = _chunks(file)
    elif "content-length" in headers:
        content = _exactly(file, _length(headers["content-length"]))
    else:
        content, reusable = file.read(MOST_BYTES), False
        if file.read(1):
            raise NoAnswer(f"the answer has more than {MOST_BYTES} bytes")
    return (status, headers, content), reusable


def _status(line: bytes) -> tuple[bytes, int]:
    version, status, *_ = line.split(None, 2)
    if not version.startswith(b"HTTP/1."):
        raise ValueError(f"expected an HTTP/1 answer, found {line[:40]!r}")
    return version, int(status)


def _headers(file: Incoming) -> dict[str, str]:
    headers: dict[str, str] = {}
    size = 0
    for _ in range(HEADERS):
        line = _line(file)
        if not (stripped := line.rstrip(b"\r\n")):
            return headers
        size += len(line)
        if size > HEADER_BYTES:
            break
        name, _, value = stripped.partition(b":")
        key, said = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        if key == "content-length" and headers.get(key, said) != said:
            raise ValueError("an answer of two lengths")
        headers[key] = said
    raise ValueError(f"an answer with more than {HEADERS} headers or {HEADER_BYTES} bytes of them")


def _length(said: str) -> int:
    if not LENGTH.fullmatch(said):
        raise ValueError(f"{said[:40]!r} is no length")
    return _bounded(int(said))


def _bounded(size: int) -> int:
    if size > MOST_BYTES:
        raise NoAnswer(f"the answer would have {size} bytes; at most {MOST_BYTES} are read")
    return size


def _line(file: Incoming) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise NoAnswer("the connection ended within an answer" if line else "the connection ended without an answer")
    return line


def _exactly(file: Incoming, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise NoAnswer(f"the connection ended after {len(content)} of {length} bytes")
    return content


def _chunks(file: Incoming) -> bytes:
    parts, whole = [], 0
    while size := _chunk(_line(file).split(b";", 1)[0].strip()):
        whole = _bounded(whole + size)
        parts.append(_exactly(file, size))
        if _line(file).strip(b"\r\n"):
            raise ValueError("a chunk is longer than it says")
    _headers(file)  # the trailer
    return b"".join(parts)


def _chunk(said: bytes) -> int:
    if not SIZE.fullmatch(said):
        raise ValueError(f"{said[:40]!r} is no size of a chunk")
    return int(said, 16)
