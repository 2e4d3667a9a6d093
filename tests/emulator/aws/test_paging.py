"""Whatever a server gives in pages comes to an end, and a page that says that it is cut short is never the last."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runbook_lib
from runbook_lib.aws.dynamodb.create import tags_of
from runbook_lib.aws.dynamodb.describe.definition import read_definition
from runbook_lib.aws.dynamodb.describe.partial_definition import read_partial_definition
from runbook_lib.aws.dynamodb.describe.tables import is_empty, list_tables
from runbook_lib.aws.dynamodb.exports import find_export
from runbook_lib.aws.pages import CutShort, EndlessList, pages, read_on, whole
from runbook_lib.aws.s3.registers import register_tag
from runbook_lib.errors import RunbookError
from runbook_lib.sandbox.client import sandbox_client
from tests.support import liar
from tests.support.between import Asked, Said, between, changed
from tests.support.in_process import runbook_here
from tests.support.liar import Request
from tests.support.world import World, indexed_by, things

ROOT = Path(runbook_lib.__file__).parent


@pytest.mark.parametrize("circle", [1, 2, 5])
def test_a_list_that_goes_in_circles_ends(circle: int) -> None:
    tokens = cycle([f"t{n}" for n in range(circle)])
    asked: list[Any] = []

    def ask(**request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"NextToken": next(tokens)}

    with pytest.raises(EndlessList, match="does not end"):
        list(pages(ask))
    assert len(asked) == circle + 1


def test_a_page_that_is_cut_short_and_does_not_say_where_is_not_the_last() -> None:
    with pytest.raises(EndlessList, match="there is more of it"):
        list(pages(lambda: {"IsTruncated": True, "Contents": []}, "NextContinuationToken", "ContinuationToken"))


def test_a_list_is_read_to_its_end() -> None:
    numbers = count()

    def ask(**request: Any) -> dict[str, Any]:
        number = next(numbers)
        assert request.get("NextToken") == (f"t{number - 1}" if number else None)
        return {"n": number} | ({"NextToken": f"t{number}"} if number < 30 else {})

    assert [answer["n"] for answer in pages(ask)] == list(range(31))


def test_every_list_is_read_by_the_one_reader_that_ends() -> None:
    """Nothing else follows a token; what is bounded ends by itself, and a Scan has its own course."""
    for file in ROOT.rglob("*.py"):
        name = file.relative_to(ROOT).as_posix()
        if (
            name.startswith(("sandbox/", "aws/pages.py", "aws/account.py", "aws/s3/anchors.py"))
            or file.name == "scan.py"
        ):
            continue
        found = re.findall(r'\["(?:NextToken|Next\w*Marker|LastEvaluated\w+)"\]|get_paginator', file.read_text("utf-8"))
        assert not found, name


@dataclass
class Shelf:
    """A server's list of numbers in pages of at most `own`; `loses` says which pages lose their token."""

    entries: list[int]
    own: int
    loses: Callable[[int], bool]
    asked: int = 0

    def __call__(self, Size: int, NextToken: str = "0", After: int | None = None) -> dict[str, Any]:
        start = self.entries.index(After) + 1 if After is not None and NextToken == "0" else int(NextToken)
        end = start + min(Size, self.own)
        self.asked += 1
        lost = self.loses(self.asked) or end >= len(self.entries)
        return {"Entries": self.entries[start:end]} | ({} if lost else {"NextToken": str(end)})

    def read(self, size: int) -> Iterator[int]:
        return (entry for page in pages(partial(self, Size=size)) for entry in page["Entries"])

    def after(self, size: int, last: int | None) -> Iterator[int]:
        how = {} if last is None else {"After": last}
        return (entry for page in pages(partial(self, Size=size, **how)) for entry in page["Entries"])


some_lists = st.integers(0, 60).map(lambda count: list(range(100, 100 + count)))


@given(some_lists, st.integers(1, 30))
def test_a_list_that_loses_every_token_is_never_taken_for_whole(entries: list[int], most: int) -> None:
    shelf = Shelf(entries, most + 1, lambda page: True)
    try:
        found = whole(shelf.read, (most + 1, most))
    except CutShort:
        assert len(entries) > most
    else:
        assert found == entries


@given(some_lists, st.integers(1, 30), st.integers(1, 30), st.sets(st.integers(1, 80)))
def test_what_can_be_asked_for_by_name_is_read_to_its_end_whatever_tokens_are_lost(
    entries: list[int], size: int, own: int, lost: set[int]
) -> None:
    shelf = Shelf(entries, own, lambda page: page in lost)
    assert read_on(partial(shelf.after, size)) == entries
    assert whole(lambda size: read_on(partial(shelf.after, size)), (size + 1, size)) == entries


def test_a_list_that_changes_between_two_readings_is_read_again() -> None:
    readings = iter([[1, 2], [1, 2, 3], [3, 1, 2]])
    assert whole(lambda size: next(readings), (2, 3)) == [3, 1, 2]


def test_a_list_of_ever_new_entries_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook_lib.aws.pages.MOST_PAGES", 50)
    numbers = count()
    with pytest.raises(EndlessList, match="more than 50 pages"):
        list(pages(lambda **_: {"NextToken": str(next(numbers))}))
    with pytest.raises(EndlessList, match="more than 50 pages"):
        read_on(lambda last: [next(numbers)])


# What a list is asked for with, and what its page names the next one by.
FORGOTTEN = {"ListTables": ("Limit", "LastEvaluatedTableName"), "ListExports": ("MaxResults", "NextToken")}


@pytest.fixture
def forgetful(world: World) -> Iterator[str]:
    """A server of short pages whose lists lose every token."""

    def rewrite(request: Request) -> bytes:
        if request.operation not in FORGOTTEN:
            return request.body
        size = FORGOTTEN[request.operation][0]
        return json.dumps(request.json | {size: request.json.get(size, 25) % 3 + 1}).encode()  # 100, 71, 25, 17: 2, 3

    def after(request: Request, status: int, body: bytes) -> tuple[int, bytes] | None:
        if request.operation not in FORGOTTEN:
            return None
        left = {k: v for k, v in json.loads(body).items() if k != FORGOTTEN[request.operation][1]}
        return status, json.dumps(left).encode()

    with liar.between(world.endpoint) as server:
        server.rewrite, server.after = rewrite, after
        yield server.endpoint


@pytest.mark.whole
def test_tables_that_a_lost_token_would_leave_out_are_in_the_plan(world: World, forgetful: str) -> None:
    for name in "abcdefg":
        world.pair(name, things(1))
    config = world.config(source={"endpoint_url": forgetful})
    ended = runbook_here("run", config, "--run-id", "r", "--only", "preflight")
    assert ended.returncode == 0, ended.stderr
    assert [t["source"] for t in world.record("r")["tables"]] == [world.src(name) for name in "abcdefg"]


def test_an_export_that_a_lost_token_would_hide_is_not_said_to_be_missing(world: World, forgetful: str) -> None:
    world.pair("a")
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    for _ in range(3):
        world.source.export_table_to_point_in_time(TableArn=arn, S3Bucket=world.bucket)
    client = sandbox_client("dynamodb", forgetful, "us-east-1")
    with pytest.raises(RunbookError, match="one reading has"):
        find_export(client, arn, "another token")


def test_every_list_on_which_a_claim_rests_is_read_twice() -> None:
    lists = (
        r"client\.list_(?:tables|exports|imports|event_source_mappings)\b"
        r"|list_objects_v2|list_object_versions|scalable_targets\""
    )
    # Of one entry, of what is said to be an estimate, and whether a bucket may be listed at all.
    not_claims = {"aws/account.py", "aws/session/identity.py", "conformance/account/asking.py"}
    for file in ROOT.rglob("*.py"):
        name, text = file.relative_to(ROOT).as_posix(), file.read_text("utf-8")
        if not name.startswith("sandbox/") and name not in not_claims and re.search(lists, text):
            assert "whole(" in text, name


CIRCLES = {
    "ListTagsOfResource": ("NextToken", "t{}"),
    "ListTables": ("LastEvaluatedTableName", "table{}"),
    "ListExports": ("NextToken", "t{}"),
    "Query": ("LastEvaluatedKey", None),
    "Scan": ("LastEvaluatedKey", None),
}


@pytest.fixture
def circling(world: World) -> Iterator[Any]:
    """A client of a server whose lists go in circles of three pages."""
    numbers = count()
    first: dict[str, Said] = {}

    def before(asked: Asked) -> Said | None:
        return circled(asked, first[asked.operation]) if asked.operation in first else None

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation not in CIRCLES:
            return said
        first[asked.operation] = said
        return circled(asked, said)

    def circled(asked: Asked, said: Said) -> Said:
        token, words = CIRCLES[asked.operation]
        number = next(numbers) % 3
        last: Any = words.format(number) if words else {"id": {"S": f"i{number}"}}
        return changed(said, lambda data: data.update({token: last}))

    with between(world.endpoint, before=before, after=after) as server:
        yield sandbox_client("dynamodb", server.endpoint, "us-east-1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, name, arn: tags_of(client, arn),
        lambda client, name, arn: register_tag(client, arn),
        lambda client, name, arn: read_partial_definition(client, name),
        lambda client, name, arn: read_definition(client, name),
        lambda client, name, arn: list_tables(client),
        lambda client, name, arn: find_export(client, arn, "token"),
        lambda client, name, arn: is_empty(client, name),
    ],
)
def test_whoever_asks_a_server_that_goes_in_circles_is_told(world: World, circling: Any, ask: Any) -> None:
    world.pair("a")
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    with pytest.raises(RunbookError, match="does not end"):
        ask(circling, world.src("a"), arn)


@pytest.mark.chaos
def test_an_index_that_goes_in_circles_is_not_checked_and_the_validation_ends(world: World) -> None:
    world.pair("a", things(9), **indexed_by("n", "N"))

    def after(asked: Asked, said: Said) -> Said:
        circle = {"id": {"S": "i00001"}, "n": {"N": "1"}}
        return changed(said, lambda data: data.update(LastEvaluatedKey=circle)) if asked.operation == "Query" else said

    with between(world.endpoint, after=after) as server:
        config = world.config(target={"endpoint_url": server.endpoint}, validate={"index_wait_seconds": 0.1})
        ended = runbook_here("run", config, "--run-id", "r", "--execute")
    assert ended.returncode == 1, ended.stderr
    record = world.record("r")
    assert [n["id"] for n in record["not_checked"] if n["open"]] == ["index-answers"]
    assert "does not end" in json.dumps(record["not_checked"])
