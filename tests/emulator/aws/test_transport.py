"""The wire-level path behaves like boto3 where it matters: signing, refresh, roles, checksums, endpoints."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials

from runbook_lib.aws.guard.allowed_calls import TARGET, TARGET_WRITES
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import ForbiddenCall
from tests.support.world import World, things


class Server(ThreadingHTTPServer):
    """Answers from a script of (status, body, checksum is right) and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[tuple[int, bytes, bool]] = []
        self.heard: list[tuple[dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        status, answer, right = self.server.script.pop(0) if self.server.script else (200, b"{}", True)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("x-amz-crc32", str(zlib.crc32(answer) if right else 1))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Rotating:
    """Credentials that are other ones each time, as after a refresh."""

    def __init__(self) -> None:
        self.asked = 0

    def get_frozen_credentials(self) -> Any:
        self.asked += 1
        return Credentials(f"key{self.asked}", "secret", f"token{self.asked}").get_frozen_credentials()


def wire_to(server: Server, credentials: Any = None) -> Iterator[DynamoDBTransport]:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    client = boto3.client("dynamodb", "us-east-2", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x")
    guard = Guard("target", TARGET | TARGET_WRITES, Calls())
    yield DynamoDBTransport(client, credentials or Rotating(), guard, frozenset({"t"}))
    client.close()


@pytest.fixture
def transport(server: Server) -> Iterator[DynamoDBTransport]:
    yield from wire_to(server)


def test_the_body_is_sent_as_it_is_and_signed_for_its_region(server: Server, transport: DynamoDBTransport) -> None:
    body = '{"TableName": "t", "x": "\\u00e9 é", "n" : 1.0}'.encode()
    transport.write_item("BatchWriteItem", "t", body)
    headers, heard = server.heard[0]
    assert heard == body
    assert "/us-east-2/dynamodb/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.BatchWriteItem"


def test_credentials_are_asked_for_at_each_request_so_a_refresh_takes_effect(
    server: Server, transport: DynamoDBTransport
) -> None:
    transport.post("Scan", b"{}")
    transport.post("Scan", b"{}")
    assert [h["X-Amz-Security-Token"] for h, _ in server.heard] == ["token1", "token2"]


def test_an_answer_with_a_wrong_checksum_is_not_believed(server: Server, transport: DynamoDBTransport) -> None:
    server.script = [(200, b'{"Count":0}', False)]
    with pytest.raises(BrokenAnswer, match="CRC32"):
        transport.post("Scan", b"{}")


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>", b"[]", b'{"UnprocessedItems":{"t":['])
def test_a_good_status_without_a_whole_answer_is_not_believed(
    server: Server, transport: DynamoDBTransport, content: bytes
) -> None:
    server.script = [(200, content, True)]
    with pytest.raises(BrokenAnswer, match="no JSON object"):
        transport.put_lines("t", [])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_a_gateway_says_for_later_is_asked_again(
    server: Server, transport: DynamoDBTransport, status: int
) -> None:
    server.script = [(status, b"", True)]
    assert transport.read("Scan", b"{}", Backoff(sleep=lambda seconds: None)) == b"{}"


def test_reads_are_repeated_until_answered_and_no_longer_than_patience_lasts(
    server: Server, transport: DynamoDBTransport
) -> None:
    throttled = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}'
    server.script = [(400, throttled, True), (500, b"<html>", True), (200, b"{}", False), (200, b'{"Count":3}', True)]
    slept: list[float] = []
    backoff = Backoff(attempts=5, sleep=slept.append, uniform=lambda low, high: high)
    assert transport.read("Scan", b"{}", backoff) == b'{"Count":3}'
    assert slept == [0.1, 0.2, 0.4]
    server.script = [(400, throttled, True)] * 9
    with pytest.raises(TransportError, match="slow"):
        transport.read("Scan", b"{}", backoff)
    assert len(server.heard) == 4 + 6


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"])
def test_what_repeating_cannot_mend_is_not_repeated(server: Server, transport: DynamoDBTransport, code: str) -> None:
    server.script = [(400, b'{"__type":"x#' + code.encode() + b'","Message":"no"}', True)]
    with pytest.raises(TransportError, match=code):
        transport.read("Scan", b"{}", Backoff(sleep=lambda seconds: None))
    assert len(server.heard) == 1


def spellings() -> list[tuple[str, str]]:
    """Every error of the model that has reasons of a throttle, and how it spells that member."""
    shapes = botocore.session.get_session().get_service_model("dynamodb").error_shapes
    return [(s.name, m) for s in shapes for m in s.members if m.lower() == "throttlingreasons"]


@pytest.mark.parametrize(("code", "member"), spellings())
def test_the_reasons_of_a_throttle_are_read_however_an_error_spells_them(
    server: Server, transport: DynamoDBTransport, code: str, member: str
) -> None:
    reason = {
        "reason": "IndexWriteKeyRangeThroughputExceeded",
        "resource": "arn:aws:dynamodb:us-east-2:1:table/t/index/i",
    }
    said = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "slow", member: [reason]}
    server.script = [(400, json.dumps(said).encode(), True)]
    with pytest.raises(TransportError) as raised:
        transport.put_lines("t", [b'{"Item":{}}'])
    assert raised.value.reasons == [(reason["reason"], reason["resource"])]


def test_the_model_spells_them_in_two_ways() -> None:
    assert {member for _, member in spellings()} == {"ThrottlingReasons", "throttlingReasons"}


def test_nothing_is_sent_for_an_operation_or_a_table_that_was_not_granted(
    server: Server, transport: DynamoDBTransport
) -> None:
    with pytest.raises(ForbiddenCall):
        transport.post("DeleteTable", b"{}")
    with pytest.raises(ForbiddenCall):
        transport.put_lines("another", [b'{"Item":{}}'])
    for body in (b"{}", b"not JSON", b'{"TableName":"another"}', b'{"RequestItems":{"t":[],"another":[]}}'):
        with pytest.raises(ForbiddenCall):
            transport.write_item("BatchWriteItem", "t", body)
        with pytest.raises(ForbiddenCall):
            transport.post("BatchWriteItem", body)
    assert server.heard == []


def test_a_role_is_assumed_where_the_configuration_names_one(world: World) -> None:
    world.pair("a", things(1))
    run = world.open(target={"role_arn": "arn:aws:iam::111122223333:role/migrator"})
    assert "assumed-role/migrator" in str(run.clients.target_identity.arn)
    assert "assumed-role" not in str(run.clients.source_identity.arn)
    assert "AssumeRole" not in run.ledger.calls("target")


def test_standard_endpoint_variables_are_enough(world: World) -> None:
    world.pair("a", things(1))
    plain = {"region": "us-east-1", "endpoint_url": None}
    run = world.open(source=plain, target={"endpoint_url": None}, staging={"endpoint_url": None})
    assert run.clients.source_identity.endpoint == world.endpoint
