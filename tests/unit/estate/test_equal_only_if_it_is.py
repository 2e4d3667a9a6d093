"""Nothing is called equal that leads elsewhere, lets in somebody else, or was not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.config.model import Migration
from runbook_lib.estate.compare import ComparedResource, Likeness, compare_estates, expected_estate
from runbook_lib.estate.extract.events import read_schedules
from runbook_lib.estate.extract.queues import read_queues
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.iac.surroundings.of_config import rewrite_estate
from runbook_lib.sandbox import demo_config
from tests.support.around import ACCOUNT, FOREIGN, OLD, TABLES, queue, side


def compared(
    source: tuple[Resource, ...], found: tuple[Resource, ...], names: Mapping[str, str] | None = None
) -> list[ComparedResource]:
    config = Migration.model_validate(demo_config("https://aws", surroundings={"names": dict(names or {})}))
    there = side("us-east-2")
    rewritten = rewrite_estate(config, Estate(source), TABLES, side("us-east-1"), there)
    return compare_estates(Estate(source), expected_estate(rewritten.resources, there), Estate(found))


def reader(table: str, function: str, region: str = "us-east-2") -> Resource:
    stream = f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table}/stream/2026-01-01"
    held = {"EventSourceArn": stream, "FunctionName": f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function}"}
    return Resource(ResourceKind.MAPPING, f"{table} to {function}", "", f"{table}{function}", held, None, True)


def test_readers_of_streams_that_were_swapped_are_different() -> None:
    users, loans = TABLES
    source = (reader(users, "one", "us-east-1"), reader(loans, "two", "us-east-1"))
    right = (reader(TABLES[loans], "two"), reader(TABLES[users], "one"))
    assert [row.likeness for row in compared(source, right)] == [Likeness.EQUAL] * 2
    rows = compared(source, (reader(TABLES[users], "two"), reader(TABLES[loans], "one")))
    assert [(row.likeness, row.differences) for row in rows] == [(Likeness.DIFFERENT, ("FunctionName",))] * 2
    missing, extra = compared(source[:1], (reader("another-table", "one"),))
    assert (missing.target, missing.likeness) == (f"{TABLES[users]} to one", Likeness.MISSING)
    assert extra.likeness is Likeness.EXTRA


def lets_in(name: str, principal: Any) -> Resource:
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sqs:SendMessage"}]}
    return queue(name, policy=policy)


@pytest.mark.parametrize(
    ("there", "names", "likeness"),
    [
        (FOREIGN, {}, Likeness.EQUAL),
        ("*", {}, Likeness.DIFFERENT),
        ("777788889999", {}, Likeness.DIFFERENT),
        ("777788889999", {FOREIGN: "777788889999"}, Likeness.EQUAL),
        (FOREIGN, {FOREIGN: "777788889999"}, Likeness.DIFFERENT),
    ],
)
def test_another_account_is_who_it_was_or_whom_the_migration_file_names(
    there: str, names: dict[str, str], likeness: Likeness
) -> None:
    (row,) = compared((lets_in(OLD + "q", FOREIGN),), (lets_in("bebco-borrower-q-dev", there),), names)
    assert row.likeness is likeness
    assert row.differences == (() if likeness is Likeness.EQUAL else ("Policy.Statement[0].Principal.AWS",))


@pytest.mark.parametrize(("keys", "likeness"), [(("k", "k"), Likeness.EQUAL), (("k", "l"), Likeness.DIFFERENT)])
def test_one_key_of_the_source_is_one_key_of_the_target(keys: tuple[str, str], likeness: Likeness) -> None:
    source = (queue(OLD + "a", KmsMasterKeyId="alias/own"), queue(OLD + "b", KmsMasterKeyId="alias/own"))
    found = tuple(queue(f"bebco-borrower-{n}-dev", KmsMasterKeyId=key) for n, key in zip("ab", keys, strict=True))
    assert compared(source, found)[1].likeness is likeness


class Services:
    """A queue and a schedule, each with something that no template carries."""

    def __init__(self, share: str = "", after: str = "NONE") -> None:
        self.share, self.after = share, after

    def get_queue_url(self, **_: Any) -> dict[str, Any]:
        return {"QueueUrl": f"https://sqs/{ACCOUNT}/q"}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"DelaySeconds": "3", "FairShare": self.share}}

    def list_queue_tags(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_schedule(self, **_: Any) -> dict[str, Any]:
        said = {"ScheduleExpression": "rate(1 day)", "Target": {"Arn": "a", "Input": "{}"}, "State": "DISABLED"}
        return said | {"ActionAfterCompletion": self.after}


def read(services: Services) -> tuple[Resource, ...]:
    client = ServiceReader("source", services)
    return (*read_queues(client, ["q"])[0], *read_schedules(client, ["default/s"], datetime.now(UTC))[0])


@pytest.mark.parametrize(
    ("here", "there", "ways"),
    [
        (Services(), Services(), [(), ()]),
        (Services("on", "DELETE"), Services("on", "DELETE"), [(), ()]),
        (Services("on", "DELETE"), Services(), [("FairShare",), ("ActionAfterCompletion",)]),
        (Services(), Services("on", "DELETE"), [("FairShare",), ("ActionAfterCompletion",)]),
    ],
)
def test_what_no_template_carries_is_compared_all_the_same(here: Services, there: Services, ways: list[Any]) -> None:
    assert [row.differences for row in compared(read(here), read(there))] == ways
