"""Whatever shape an answer has: it is taken, or refused by an error that shows nothing of it, and never trips."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition
from runbook_lib.aws.dynamodb.describe.partial_definition import LiveIndex
from runbook_lib.aws.dynamodb.guarded_write import GuardedWriter
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import (
    Segment,
    answers_scan,
    count_segment,
    goes_on_after,
    scan_items,
    scan_keys,
    scan_segment,
    scan_spelled,
)
from runbook_lib.aws.dynamodb.streams.records import ShardReader
from runbook_lib.aws.guard.call_counter import UNANSWERED, Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, BrokenAnswer, TransportError
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.append import add_items
from runbook_lib.load.engine.batch_write import Outcome, Target, Writing, put_batch
from runbook_lib.validate.indexes.check import ask_target

SECRET = "VALLEAK"
KEY = (KeyAttribute("id", "S", "HASH"),)
ITEMS: list[Any] = [{"id": {"S": f"{SECRET}{n}"}, "v": {"L": [{"N": "1"}]}} for n in range(2)]
LINES = [json.dumps({"Item": item}).encode() for item in ITEMS]
DELETES = [json.dumps({"Key": {"id": item["id"]}}).encode() for item in ITEMS]
UNITS = {"TableName": "t", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 1.0}}
GRANTED = frozenset(
    {f"dynamodb:{name}" for name in ("BatchWriteItem", "PutItem", "DeleteItem", "BatchGetItem", "Scan", "Query")}
)
PATIENCE = Backoff(attempts=1, sleep=lambda seconds: None)
WRONG: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**70,
    "",
    SECRET,
    [],
    [SECRET],
    [[SECRET]],
    [{}],
    {},
    {"other": SECRET},
    {"t": SECRET},
    {"t": [SECRET]},
    {"t": {"other": SECRET}},
    {"S": [SECRET]},
]
GONE = object()


class Told(DynamoDBTransport):
    """A transport that is told its answers, the last one again and again."""

    def __init__(self, status: int, *answers: bytes, calls: Calls | None = None) -> None:
        super().__init__(None, None, Guard("target", GRANTED, calls or Calls()), frozenset({"t"}))
        self.status, self.answers = status, list(answers)

    def send(self, request: DynamoDBRequest) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, self.status = self.status, 200
        return self.understood(request, (status, {}, answer), None)


def written(wire: Told, write: Callable[[Target, Any, Outcome], Writing], lines: list[bytes]) -> Outcome:
    """See lines through as the engine does."""
    capacity: Any = SimpleNamespace(settle=lambda *_: None)
    target = Target(wire, "t", KEY, write is put_batch, PATIENCE, threading.Event(), capacity, RunSecret(b"s" * 32))
    outcome = Outcome()
    writing = write(target, list(enumerate(lines, 1)), outcome)
    try:
        attempt = next(writing)
        while True:
            try:
                answer: Any = wire.send(attempt.build())
            except (TransportError, BrokenAnswer) as error:
                answer = error
            attempt = writing.send(SimpleNamespace(answer=answer, lane=None, units=1.0))  # type: ignore[arg-type]
    except StopIteration:
        return outcome


def scanned(read: Callable[[Segment], Iterable[Any]]) -> Callable[[Told], object]:
    return lambda wire: list(read(Segment(wire, "t", RateLimit(None), backoff=PATIENCE)))


def asked(wire: Told) -> object:
    index = LiveIndex("GSI", "ACTIVE", IndexDefinition("i", KEY, "ALL", (), None, None))
    return list(ask_target(wire, "t", RateLimit(None), PATIENCE)(index, {"id": ITEMS[0]["id"]}))


def records(wire: Told) -> object:
    handlers: list[Any] = []
    events = SimpleNamespace(register=lambda _, keep: handlers.append(keep), unregister=lambda *_: handlers.clear())

    def get_records(**_: Any) -> dict[str, Any]:
        handlers[0]({"body": wire.answers.pop(0) if len(wire.answers) > 1 else wire.answers[0]})
        return {}

    client = SimpleNamespace(
        meta=SimpleNamespace(events=events),
        get_records=get_records,
        get_shard_iterator=lambda **_: {"ShardIterator": "i"},
    )
    return list(ShardReader(client, "arn", lambda seconds: None).pages("s", None, None))


def guarded(write: Callable[[GuardedWriter], object]) -> Callable[[Told], object]:
    return lambda wire: write(GuardedWriter(wire, "t", KEY, PATIENCE))


PAGE = {
    "Items": ITEMS,
    "Count": 2,
    "ScannedCount": 2,
    "ConsumedCapacity": UNITS,
    "LastEvaluatedKey": {"id": ITEMS[1]["id"]},
}
NO_PAGE = {"Items": [], "Count": 0, "ScannedCount": 0}
LEFT = {"UnprocessedItems": {"t": [{"PutRequest": {"Item": ITEMS[0]}}]}, "ConsumedCapacity": [UNITS]}
LEFT_KEYS = {
    "UnprocessedItems": {"t": [{"DeleteRequest": {"Key": {"id": ITEMS[0]["id"]}}}]},
    "ConsumedCapacity": [UNITS],
}
DONE = {"UnprocessedItems": {}}
READ = {
    "Responses": {"t": [ITEMS[0]]},
    "UnprocessedKeys": {"t": {"Keys": [{"id": ITEMS[1]["id"]}]}},
    "ConsumedCapacity": [UNITS],
}
READ_ALL = {"Responses": {"t": [ITEMS[1]]}, "UnprocessedKeys": {}}
NOTHING_READ = {"Responses": {"t": []}, "UnprocessedKeys": {}}
IN_THE_WAY = {"__type": "x#ConditionalCheckFailedException", "message": "no", "Item": ITEMS[0]}
CHANGE = {
    "Keys": {"id": ITEMS[0]["id"]},
    "NewImage": ITEMS[0],
    "SequenceNumber": "1",
    "ApproximateCreationDateTime": 1e9,
    "StreamViewType": "NEW_AND_OLD_IMAGES",
}
RECORDS = {"Records": [{"eventName": "INSERT", "dynamodb": CHANGE}], "NextShardIterator": "next"}
KEYS = [{"id": item["id"]} for item in ITEMS]
# Of each operation: the status, an answer with all that is read of it, what is answered then, and who reads it.
OPERATIONS: dict[str, tuple[int, Any, Any, Callable[[Told], object]]] = {
    "BatchWriteItem, puts": (200, LEFT, DONE, lambda wire: written(wire, put_batch, LINES)),
    "BatchWriteItem, deletes": (200, LEFT_KEYS, DONE, lambda wire: written(wire, put_batch, DELETES)),
    "PutItem of an append": (200, {"ConsumedCapacity": UNITS}, {}, lambda wire: written(wire, add_items, LINES)),
    "PutItem of an append, refused": (400, IN_THE_WAY, NOTHING_READ, lambda wire: written(wire, add_items, LINES[:1])),
    "PutItem where nothing is": (
        200,
        {"ConsumedCapacity": UNITS},
        NOTHING_READ,
        guarded(lambda w: w.add(ITEMS[0], LINES[0])),
    ),
    "PutItem in place": (
        200,
        {"Attributes": ITEMS[0]},
        NOTHING_READ,
        guarded(lambda w: w.replace(ITEMS[0], ITEMS[0], LINES[0])),
    ),
    "DeleteItem": (200, {"Attributes": ITEMS[0]}, NOTHING_READ, guarded(lambda w: w.delete(ITEMS[0]))),
    "BatchGetItem": (200, READ, READ_ALL, lambda wire: read_keys(wire, "t", KEYS, PATIENCE)),
    "Scan as bytes": (200, PAGE, NO_PAGE, scanned(lambda s: scan_segment(s, ("id",)))),
    "Scan as bytes, of any key": (200, PAGE, NO_PAGE, scanned(scan_segment)),
    "Scan that counts": (200, PAGE, NO_PAGE, scanned(count_segment)),
    "Scan of keys": (200, PAGE, NO_PAGE, scanned(lambda s: scan_keys(s, ("id",)))),
    "Scan of items": (200, PAGE, NO_PAGE, scanned(lambda s: scan_items(s, ("id",)))),
    "Scan of items, of any key": (200, PAGE, NO_PAGE, scanned(scan_items)),
    "Scan that spells": (200, PAGE, NO_PAGE, scanned(lambda s: scan_spelled(s, KEY))),
    "Scan after a key": (200, PAGE, NO_PAGE, scanned(lambda s: [goes_on_after(s, ITEMS[0])])),
    "Scan of a table that may be there": (200, PAGE, NO_PAGE, scanned(lambda s: [answers_scan(s)])),
    "Query": (200, PAGE, NO_PAGE, asked),
    "GetRecords": (200, RECORDS, {"Records": []}, records),
}


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an answer, the whole of it first."""
    yield way
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in entries:
        yield from places(inner, (*way, name))


def changed(answer: Any, way: tuple[Any, ...], wrong: Any) -> Any:
    """The answer with something else in one place, or nothing."""
    if not way:
        return {} if wrong is GONE else wrong
    answer = at = copy.deepcopy(answer)
    for name in way[:-1]:
        at = at[name]
    if wrong is GONE:
        del at[way[-1]]
    else:
        at[way[-1]] = wrong
    return answer


def told(status: int, answer: Any, then: Any, read: Callable[[Told], object]) -> object:
    return read(Told(status, json.dumps(answer).encode(), json.dumps(then).encode()))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_of_any_shape_is_taken_or_refused_without_a_word_of_it(operation: str) -> None:
    status, answer, then, read = OPERATIONS[operation]
    told(status, answer, then, read)
    tripped, shown = set(), set()
    for way in places(answer):
        for wrong in (*WRONG, GONE):
            made = changed(answer, way, wrong)
            try:
                told(status, made, then, read)
            except RunbookError as error:
                if SECRET in str(error) and way[-1:] != ("TableName",):  # a name, and shown
                    shown.add((way, str(error)[:200]))
            except Exception as error:  # what this is about
                tripped.add((way, f"{type(error).__name__}: {error}"[:120]))
    assert (sorted(map(str, tripped)), sorted(map(str, shown))) == ([], [])


# What would be taken for "all is written", "nothing is there" or "free", though it says nothing of the kind.
NO_WORD: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "BatchWriteItem, puts": [
        (("UnprocessedItems",), wrong) for wrong in (False, 0, "", [], [SECRET], {"u": []}, {"t": SECRET})
    ]
    + [
        (("ConsumedCapacity",), UNITS),
        (("ConsumedCapacity", 0, "CapacityUnits"), -1),
        (("ConsumedCapacity", 0, "CapacityUnits"), True),
    ],
    "PutItem of an append": [
        (("ConsumedCapacity",), wrong) for wrong in ([UNITS], False, 0, "", {"CapacityUnits": "2"})
    ],
    "BatchGetItem": [(("UnprocessedKeys",), wrong) for wrong in (False, 0, "", [])],
    "Scan of items": [(("Items",), wrong) for wrong in (False, 0, "", {})]
    + [(("Count",), True), (("LastEvaluatedKey",), []), (("LastEvaluatedKey",), False)],
    "Scan as bytes": [(("Items",), wrong) for wrong in (False, 0, "", {})]
    + [(("LastEvaluatedKey",), wrong) for wrong in (False, 0, "", [])],
    "Query": [(("LastEvaluatedKey",), False), (("LastEvaluatedKey",), []), (("ConsumedCapacity",), [])],
    "GetRecords": [(("Records",), wrong) for wrong in (None, False, {}, "")]
    + [(("NextShardIterator",), wrong) for wrong in (False, 0, [], {})],
}


@pytest.mark.parametrize("operation", NO_WORD)
def test_what_is_of_another_shape_never_passes_for_nothing(operation: str) -> None:
    status, answer, _, read = OPERATIONS[operation]
    if operation == "BatchWriteItem, puts":
        answer = DONE | {"ConsumedCapacity": [UNITS]}  # so that nothing else is wrong with it
    taken = []
    for way, wrong in NO_WORD[operation]:
        try:
            told(status, made := changed(answer, way, wrong), made, read)  # and the same when it is sent again
        except RunbookError:
            continue
        taken.append((way, wrong))
    assert taken == []


def test_items_of_another_table_that_come_back_are_no_answer() -> None:
    both = {"t": [{"PutRequest": {"Item": ITEMS[0]}}], "u": [{"PutRequest": {"Item": ITEMS[1]}}]}
    with pytest.raises(TransferError, match="returned items as unprocessed that were not sent"):
        told(200, {"UnprocessedItems": both}, DONE, lambda wire: written(wire, put_batch, LINES))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", [b'{"Items":}', b'{"a":1,"a":2}', b"{" + b'"a":{' * 300 + b"}" * 301])
def test_what_is_no_json_or_two_is_refused_too(operation: str, body: bytes) -> None:
    status, _, then, read = OPERATIONS[operation]
    with suppress(RunbookError):  # of a write that is sent again, the next answer counts
        read(Told(status, body, json.dumps(then).encode()))


def test_a_put_whose_answer_says_nothing_of_it_is_in_doubt_and_sent_again() -> None:
    """Nobody knows what was written; what is put once more is the same."""
    calls = Calls()
    wire = Told(200, b'{"UnprocessedItems":{"t":["x"]}}', json.dumps(DONE).encode(), calls=calls)
    assert written(wire, put_batch, LINES).written == 2
    assert calls.of(UNANSWERED) == {"t": 1}
    assert written(
        Told(200, json.dumps(LEFT).encode(), json.dumps(DONE).encode(), calls=(calm := Calls())), put_batch, LINES
    )
    assert calm.of(UNANSWERED) == {}


def test_a_put_that_is_never_answered_in_its_shape_ends_with_an_error_that_says_so() -> None:
    with pytest.raises(TransferError, match="does not say what was written: UnprocessedItems should hold puts"):
        written(Told(200, b'{"UnprocessedItems":{"t":["x"]}}'), put_batch, LINES)
