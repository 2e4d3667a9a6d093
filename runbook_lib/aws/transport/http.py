"""One HTTP request and its answer over botocore's own connections, with as little work as HTTP/1.1 allows.

The connection is made, kept and thrown away by the urllib3 pool that botocore configured (TLS, CA
bundle, client certificate, timeouts). Only the bytes on it are written and read here: a request costs
a tenth of what it costs through urllib3 (docs/adr/0008). Behind a proxy botocore's session sends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError
from urllib3.exceptions import HTTPError

from runbook_lib.aws.deadlines import Deadline
from runbook_lib.aws.transport.answers import Answer, Incoming, NoAnswer, read_answer


class HttpConnection:
    """POSTs to one URL; thread-safe."""

    def __init__(self, session: Any, url: str) -> None:
        # botocore has no public way to its connections; a test pins what is used here.
        self._session, self._url = session, url
        self._path = urlsplit(url).path or "/"
        self.proxied = session._proxy_config.proxy_url_for(url) is not None
        manager = session._get_connection_manager(url, session._proxy_config.proxy_url_for(url))
        self._pool = manager.connection_from_url(url)
        session._setup_ssl_cert(self._pool, url, session._verify)
        self.seconds: float = self._pool.timeout.read_timeout

    def post(self, headers: dict[str, str], body: bytes) -> Answer:
        """Status, headers (names in lower case) and body of the answer; raises NoAnswer."""
        if self.proxied:
            return self._through_session(headers, body)
        try:
            connection = self._pool._get_conn(self._pool.timeout.connect_timeout)
            try:
                self._connect(connection)
                connection.sock.settimeout(self.seconds)
                connection.sock.sendall(self.head(headers, len(body)) + body)
                answer, reusable = read_answer(Incoming(in_time(connection.sock, self.seconds)))
            except BaseException:
                connection.close()
                raise
            if not reusable:
                connection.close()
            self._pool._put_conn(connection)
        except (HTTPError, OSError, ValueError) as error:
            raise self.no_answer(error) from error
        return answer

    def dial(self) -> Any:
        """A connection of one's own, made as botocore configured it; raises NoAnswer."""
        try:
            connection = self._pool._new_conn()
            try:
                self._connect(connection)
            except BaseException:
                connection.close()
                raise
        except (HTTPError, OSError, ValueError) as error:
            raise self.no_answer(error) from error
        return connection

    def no_answer(self, error: BaseException) -> NoAnswer:
        """What is said of a request that an error has ended."""
        return NoAnswer(f"{self._url}: {type(error).__name__}: {error}")

    def _connect(self, connection: Any) -> None:
        if connection.is_closed:
            connection.timeout = self._pool.timeout.connect_timeout
            self._pool._validate_conn(connection)  # HTTPS connects in here
            if connection.is_closed:
                connection.connect()

    def head(self, headers: dict[str, str], length: int) -> bytes:
        """What goes before a body of so many bytes."""
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
