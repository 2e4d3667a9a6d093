"""What a proxy says of a request that it may have passed on is no word of what became of it."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.guarded_write import Fate, GuardedWriter
from runbook_lib.aws.server_messages import spoken
from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import UNANSWERED, Outcome, note_failure

PAGE = b"<html>Request Timeout</html>"
ITEM = {"id": {"S": "x"}}
ANSWERS = [(408, PAGE, True), (425, PAGE, True), (429, PAGE, True), (502, PAGE, True), (400, "RequestTimeout", True),
           (500, "InternalServerError", True), (400, "ProvisionedThroughputExceededException", False),
           (400, "ReplicatedWriteConflictException", False)]  # fmt: skip


def answered(status: int, body: bytes | str) -> TransportError:
    content = body if isinstance(body, bytes) else json.dumps({"__type": f"x#{body}", "message": "m"}).encode()
    said = spoken(status, content)
    return TransportError("PutItem", status, said.code, said.message, [])


@pytest.mark.parametrize(("status", "body", "unknown"), ANSWERS)
def test_a_put_that_may_have_been_heard_is_sent_once(status: int, body: bytes | str, unknown: bool) -> None:
    """It was heard, and somebody deleted the item since: a second put would bring it back."""
    puts = []

    def send(request: Any) -> bytes:
        puts.append(request)
        if len(puts) == 1:
            raise answered(status, body)
        return b"{}"

    nothing = json.dumps({"Responses": {"t": []}, "UnprocessedKeys": {}}).encode()
    wire: Any = SimpleNamespace(send=send, write=lambda *_: b"", read=lambda *_: nothing, post=lambda *_: nothing)
    writer = GuardedWriter(wire, "t", (KeyAttribute("id", "S", "HASH"),), Backoff(sleep=lambda seconds: None))
    fate = writer.add(ITEM, json.dumps({"Item": ITEM}).encode())
    assert (len(puts), fate) == ((1, Fate.UNANSWERED) if unknown else (2, Fate.DONE))


@pytest.mark.parametrize(("status", "body", "unknown"), ANSWERS)
def test_a_batch_that_may_have_been_heard_counts_as_not_answered(status: int, body: bytes | str, unknown: bool) -> None:
    outcome, target = Outcome(), SimpleNamespace(table="t", capacity=SimpleNamespace(settle=lambda *_: None))
    reply = SimpleNamespace(answer=answered(status, body), lane=None, units=1.0)
    sent: Any = [(1, b"{}"), (2, b"{}")]
    note_failure(target, reply, sent, outcome)  # type: ignore[arg-type]
    assert outcome.reasons[UNANSWERED, ""] == (2 if unknown else 0)
    assert isinstance(outcome.reasons, Counter)
