"""Whatever a server gives in pages comes to an end, and a page that says that it is cut short is never the last."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

import runbook_lib
from runbook_lib.aws.dynamodb.create import tags_of
from runbook_lib.aws.dynamodb.describe.definition import read_definition
from runbook_lib.aws.dynamodb.describe.partial_definition import read_partial_definition
from runbook_lib.aws.dynamodb.describe.tables import is_empty, list_tables
from runbook_lib.aws.dynamodb.exports import find_export
from runbook_lib.aws.pages import EndlessList, pages
from runbook_lib.aws.s3.registers import register_tag
from runbook_lib.errors import RunbookError
from runbook_lib.sandbox.client import sandbox_client
from tests.support.between import Asked, Said, between, changed
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


def test_an_index_that_goes_in_circles_is_not_checked_and_the_validation_ends(world: World) -> None:
    world.pair("a", things(9), **indexed_by("n", "N"))

    def after(asked: Asked, said: Said) -> Said:
        circle = {"id": {"S": "i00001"}, "n": {"N": "1"}}
        return changed(said, lambda data: data.update(LastEvaluatedKey=circle)) if asked.operation == "Query" else said

    with between(world.endpoint, after=after) as server:
        config = world.config(target={"endpoint_url": server.endpoint}, validate={"index_wait_seconds": 0.1})
        ended = world.runbook("run", config, "--run-id", "r", "--execute", timeout=180)
    assert ended.returncode == 1, ended.stderr
    record = world.record("r")
    assert [n["id"] for n in record["not_checked"] if n["open"]] == ["index-answers"]
    assert "does not end" in json.dumps(record["not_checked"])
