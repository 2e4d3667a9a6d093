"""A scan keeps to its read units, whoever counts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, scan_items, scan_keys, scan_segment
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import TransferError

ITEM = {"id": {"S": "x" * 8000}}


class Clock:
    """Time that passes only by sleeping; every request is noted with its moment."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Server:
    """Answers with one item a page, `pages` pages, at `rcu` each; None names no price."""

    def __init__(self, clock: Clock, pages: int, rcu: float | None) -> None:
        self.clock, self.pages, self.rcu = clock, pages, rcu
        self.moments: list[float] = []

    def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
        self.moments.append(self.clock.now)
        answer: dict[str, Any] = {"Items": [ITEM], "Count": 1}
        if self.rcu is not None:
            answer["ConsumedCapacity"] = {"CapacityUnits": self.rcu}
        if len(self.moments) % self.pages:
            answer["LastEvaluatedKey"] = {"id": {"S": str(len(self.moments))}}
        return json.dumps(answer).encode()


@pytest.mark.parametrize("read", [scan_items, scan_segment])
@pytest.mark.parametrize(("rcu", "counted"), [(128.0, 128.0), (None, 2.0)])
def test_consumed_read_units_stay_under_the_ceiling(read: Any, rcu: float | None, counted: float) -> None:
    clock = Clock()
    server, limit = Server(clock, 20, rcu), RateLimit(16.0, clock.read, clock.sleep)
    assert len(list(read(Segment(server, "t", limit)))) == 20
    for count, moment in enumerate(server.moments):
        assert count * counted <= 16.0 * moment + 1e-6
    assert clock.now == pytest.approx(20 * counted / 16.0, rel=0.01)


@pytest.mark.parametrize("pages", [1, 2, 20])
def test_each_page_is_counted_once_the_last_one_too(pages: int) -> None:
    """A segment of one page, as most of an empty table's are, is not said to have taken twice what it did."""
    clock = Clock()
    server, limit = Server(clock, pages, 2.0), RateLimit(None, clock.read, clock.sleep)
    list(scan_segment(Segment(server, "t", limit)))  # type: ignore[arg-type]
    assert limit.used == 2.0 * pages == 2.0 * len(server.moments)


def test_segments_of_one_page_are_paid_for_too() -> None:
    clock = Clock()
    server, limit = Server(clock, 1, 32.0), RateLimit(16.0, clock.read, clock.sleep)
    for segment in range(10):
        list(scan_items(Segment(server, "t", limit, segment, 10)))  # type: ignore[arg-type]
    assert clock.now == pytest.approx(20.0)


def test_a_scan_of_ever_new_keys_and_no_items_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Server):
        def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
            self.moments.append(0.0)
            number = len(self.moments)
            items = [ITEM] if number % 40 == 0 else []  # from time to time there is one, or never
            last = {"LastEvaluatedKey": {"id": {"S": str(number)}}} if number < 4_000 else {}
            return json.dumps({"Items": items, "Count": len(items), **last}).encode()

    monkeypatch.setattr("runbook_lib.aws.dynamodb.read.scan.MOST_EMPTY", 50)
    assert len(list(scan_items(Segment(Endless(Clock(), 1, 1.0), "t", RateLimit(None))))) == 100  # type: ignore[arg-type]
    monkeypatch.setattr("runbook_lib.aws.dynamodb.read.scan.MOST_EMPTY", 30)
    with pytest.raises(TransferError, match="30 pages in a row hold nothing"):
        list(scan_items(Segment(Endless(Clock(), 1, 1.0), "t", RateLimit(None))))  # type: ignore[arg-type]


@pytest.mark.parametrize("circle", [1, 2, 5])
@pytest.mark.parametrize("read", [scan_items, scan_segment, scan_keys, count_segment])
def test_a_scan_whose_key_goes_in_circles_ends(read: Any, circle: int) -> None:
    """Each page holds something, so that no row of empty ones ends it."""

    class Circling(Server):
        def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
            self.moments.append(0.0)
            assert len(self.moments) < 50, "it goes on and on"
            last = {"id": {"S": str(len(self.moments) % circle)}}
            return json.dumps({"Items": [ITEM], "Count": 1, "LastEvaluatedKey": last}).encode()

    server = Circling(Clock(), 1, 1.0)
    more = [("id",)] if read is scan_keys else []
    with pytest.raises(TransferError, match="does not move on"):
        list(read(Segment(server, "t", RateLimit(None)), *more))  # type: ignore[arg-type]
    assert len(server.moments) == circle + 1


def test_a_scan_that_is_given_the_same_items_again_ends() -> None:
    """Where a page names no key, it goes on after its last item."""
    with pytest.raises(TransferError, match="does not move on"):
        list(scan_items(Segment(Server(Clock(), 1, 1.0), "t", RateLimit(None)), ("id",)))  # type: ignore[arg-type]


def test_a_page_that_holds_another_number_of_items_than_it_says_is_refused() -> None:
    class Liar(Server):
        def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
            return b'{"Items":[{"id":{"S":"x"}}],"Count":2}'

    clock = Clock()
    for read in (scan_items, scan_segment):
        with pytest.raises(TransferError, match="says 2 items and holds 1"):
            list(read(Segment(Liar(clock, 1, 1.0), "t", RateLimit(None))))  # type: ignore[arg-type]
