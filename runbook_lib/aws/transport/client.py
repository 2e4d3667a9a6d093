"""DynamoDB requests whose body is bytes that nobody parsed on the way.

Signs with botocore's SigV4 and sends over the connections that botocore made for the client,
so TLS, proxies, CA bundles, endpoints, profiles and refreshed credentials are the ones boto3 uses.
What is left out is what would touch an item: parameter serializing and response parsing.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from runbook_lib.aws.credentials import EXPIRED, Expiry
from runbook_lib.aws.deadlines import http_session_of
from runbook_lib.aws.endpoints import endpoint_of
from runbook_lib.aws.guard.allowed_calls import PUTTING, TARGET_CANARY, TARGET_WRITES, TOLD_IN_SUMS
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.guard.read_units import ITEM_READS
from runbook_lib.aws.server_messages import spoken
from runbook_lib.aws.transport.answers import Answer, NoAnswer
from runbook_lib.aws.transport.http import HttpConnection
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, CredentialsExpired, TransportError
from runbook_lib.aws.transport.shapes import check_written
from runbook_lib.aws.transport.sigv4 import Signer
from runbook_lib.errors import ForbiddenCall, SaidTwice
from runbook_lib.items.lines import DELETE

WRITING = frozenset(name.partition(":")[2] for name in TARGET_WRITES | TARGET_CANARY)
# A throttling reason and what it is of: a word and an ARN, or the name of a table.
THROTTLE = re.compile(r"[A-Za-z]{0,80} [\w:/.*-]{0,600}")


@dataclass(frozen=True, slots=True)
class DynamoDBRequest:
    """A request that its transport has made sure it may send."""

    operation: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Way:
    """A URL, the connections to it, and the signature for it."""

    url: str
    exchange: HttpConnection
    signer: Signer


class DynamoDBTransport:
    """One side's raw connection; thread-safe."""

    def __init__(
        self,
        client: Any,
        credentials: Any,
        guard: Guard,
        write_tables: frozenset[str] = frozenset(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._credentials = client, credentials
        self._ways: dict[str, Way] = {}
        self._expiry = Expiry(clock)
        self._guard = guard
        self._write_tables = write_tables

    def way(self, operation: str) -> Way:
        """Where an operation goes, and who signs it; where boto3 would send it."""
        if operation not in self._ways:
            url = endpoint_of(self._client, operation).rstrip("/") + "/"
            known = next((way for way in self._ways.values() if way.url == url), None)
            self._ways[operation] = known or Way(
                url,
                HttpConnection(http_session_of(self._client), url),
                Signer(url, self._client.meta.region_name, self._credentials),
            )
        return self._ways[operation]

    def puts(self, table: str, lines: Iterable[bytes]) -> DynamoDBRequest:
        """A request that puts `{"Item":...}` lines into one table and deletes by its `{"Key":...}` lines, byte by byte.

        Each line must be one whole JSON value, or it could say more than a put (see `data_file`).
        """
        self._check_granted(table)
        return DynamoDBRequest("BatchWriteItem", body_of(table, lines))

    def write(self, operation: str, table: str, body: bytes) -> DynamoDBRequest:
        """A writing request; raises ForbiddenCall unless it names this granted table and no other.

        Where the guard grants the operation in one form only, it has to have that form.
        """
        self._check_granted(table)
        request = _parsed(body)
        if (named := _tables_in(request)) != {table}:
            raise ForbiddenCall(
                f"writing to {sorted(named)} is not part of the plan; this request was granted for {table!r} alone"
            )
        self._guard.check_granted("dynamodb", operation, request)
        return DynamoDBRequest(operation, body)

    def question(self, operation: str, body: bytes) -> DynamoDBRequest:
        """A request that writes nothing."""
        if operation in WRITING:
            raise ForbiddenCall(f"{operation} is sent for a table that is named, see write; nothing was sent")
        return DynamoDBRequest(operation, body)

    def put_lines(self, table: str, lines: Iterable[bytes]) -> bytes:
        """Send `puts`, once."""
        return self.send(self.puts(table, lines))

    def write_item(self, operation: str, table: str, body: bytes) -> bytes:
        """Send `write`, once."""
        return self.send(self.write(operation, table, body))

    def post(self, operation: str, body: bytes) -> bytes:
        """Send `question`, once."""
        return self.send(self.question(operation, body))

    def _check_granted(self, table: str) -> None:
        if table not in self._write_tables:
            raise ForbiddenCall(
                f"writing to table {table!r} is not part of the plan; granted are {sorted(self._write_tables)}"
            )

    def send(self, request: DynamoDBRequest) -> bytes:
        """Send a request, once; returns the answer's body.

        Raises TransportError for an error answer and BrokenAnswer when there is none that can be trusted.
        """
        way = self.way(request.operation)
        headers, used = self.signed(way, request)
        try:
            answer = way.exchange.post(headers, request.body)
        except NoAnswer as error:
            raise self.unanswered(request, error) from error
        return self.understood(request, answer, used)

    def signed(self, way: Way, request: DynamoDBRequest) -> tuple[dict[str, str], Any]:
        """The headers of a request that is about to be sent, and the credentials they are made with; counts it."""
        self._guard.check("dynamodb", request.operation)
        used = self._credentials.get_frozen_credentials()
        headers = way.signer.headers(f"DynamoDB_20120810.{request.operation}", request.body, frozen=used)
        self._guard.count(request.operation)
        return headers, used

    def unanswered(self, request: DynamoDBRequest, error: NoAnswer) -> BrokenAnswer:
        """The error for a request that was sent and not answered; a write is in doubt from now on."""
        self._doubt(request)
        return broken_answer(request, error)

    def understood(self, request: DynamoDBRequest, answer: Answer, used: Any) -> bytes:
        """The body of an answer that can be trusted; raises as `send` does."""
        try:
            content = self._trusted(request, answer, used)
        except BrokenAnswer:
            self._doubt(request)
            raise
        except TransportError as error:
            if error.may_be_done:
                self._doubt(request)
            raise
        if request.operation in ITEM_READS:
            self._guard.answered(request.operation, _tables_in(_parsed(request.body)), content)
        return content

    def _doubt(self, request: DynamoDBRequest) -> None:
        if request.operation in PUTTING:
            for table in _tables_in(_parsed(request.body)):
                self._guard.doubt(table)

    def _trusted(self, request: DynamoDBRequest, answer: Answer, used: Any) -> bytes:
        operation, (status, said, content) = request.operation, answer
        checksum = said.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(content)):
            raise BrokenAnswer(f"{operation}: the answer's CRC32 is {zlib.crc32(content)}, not {checksum} as it says")
        if status != 200:
            raise self._refused(_error(operation, status, content, request.body), used)
        self._expiry.over()
        if not (content.startswith(b"{") and content.rstrip().endswith(b"}")):  # of a proxy, or cut short
            raise BrokenAnswer(f"{operation}: an answer of {len(content)} bytes is no JSON object")
        if operation in TOLD_IN_SUMS:
            try:
                check_written(operation, content)
            except (ValueError, SaidTwice) as error:
                raise BrokenAnswer(f"{operation}: an answer does not say what was written: {error}") from None
        return content

    def _refused(self, error: TransportError, used: Any) -> TransportError:
        """The error as it is, or, once credentials have been expired for too long, one that ends the work."""
        if error.code not in EXPIRED:
            return error
        renewed = getattr(self._credentials, "renew", lambda used: False)(used)
        return CredentialsExpired(error) if self._expiry.heard() and not renewed else error

    def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
        """`post` for operations that change nothing, repeated until it is answered."""
        for pause in backoff.pauses():
            try:
                return self.post(operation, body)
            except BrokenAnswer:
                pass
            except TransportError as error:
                if not error.retryable:
                    raise
            backoff.sleep(pause)
        return self.post(operation, body)


def broken_answer(request: DynamoDBRequest, error: NoAnswer) -> BrokenAnswer:
    """The error for a request that has no answer."""
    broken = BrokenAnswer(f"{request.operation}: {error}")
    broken.__cause__ = error
    return broken


def body_of(table: str, lines: Iterable[bytes]) -> bytes:
    """The request that puts `{"Item":...}` and deletes `{"Key":...}` lines; not a byte of a line is changed."""
    writes = b",".join(
        (b'{"DeleteRequest":' if line.startswith(DELETE) else b'{"PutRequest":') + line + b"}" for line in lines
    )
    return b'{"RequestItems":{"' + table.encode() + b'":[' + writes + b']},"ReturnConsumedCapacity":"INDEXES"}'


def _parsed(body: bytes) -> dict[str, Any]:
    """A request; nothing is said of what is not one JSON object."""
    try:
        request = orjson.loads(body)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _tables_in(request: dict[str, Any]) -> set[str]:
    """The tables that a writing request names."""
    batch = request.get("RequestItems")
    return {str(request["TableName"])} if "TableName" in request else set(batch if isinstance(batch, dict) else ())


def _error(operation: str, status: int, content: bytes, request: bytes) -> TransportError:
    said = spoken(status, content, request)
    # ThrottlingException spells it with a small letter, all others with a capital one (service model).
    named = said.data.get("ThrottlingReasons") or said.data.get("throttlingReasons")
    reasons, item = _reasons(named), item_in_the_way(said.data)
    return TransportError(operation, status, said.code, said.message, reasons, item)


def item_in_the_way(data: dict[str, Any]) -> dict[str, Any] | None:
    held = data.get("Item")
    return held if isinstance(held, dict) and held else None


def _reasons(said: Any) -> list[tuple[str, str]]:
    listed = said if isinstance(said, list) else []
    found = ((str(r.get("reason", "")), str(r.get("resource", ""))) for r in listed if isinstance(r, dict))
    return [(reason, resource) for reason, resource in found if THROTTLE.fullmatch(f"{reason} {resource}")]
