"""Who is asked: an account or an engine, with the tables, exports and keys that the questions need."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runbook_lib.aws.guard.conformance_calls import OwnNames
from runbook_lib.aws.outcome import outcome_of
from runbook_lib.aws.s3.objects import list_objects
from runbook_lib.aws.session.own_clients import OwnClients
from runbook_lib.conformance.fixtures import FIXTURES, tags_of_asking


class WhyNot(StrEnum):
    """Why a question could not be asked of a subject."""

    NO_OPERATION = "it does not have the operation"
    NO_BUCKET = "it has no bucket"
    NO_SECOND_REGION = "its regions are one"
    ONLY_AWS = "only AWS can answer"
    ONLY_LONG = "it takes long: ask with --long"
    NO_KMS_KEY = "no key was given: --kms-key"
    NOT_DONE_HERE = "it never does this"
    NOT_IN_TIME = "it does this in its own time, which is longer than an asking"
    NOT_SPELLED = "no document says how it is asked for"
    NO_FIXTURE = "what it is asked about could not be made"
    TIME_IS_UP = "the time was up"
    COST_IS_UP = "the limit of cost was reached"


class CannotAsk(Exception):
    """A question cannot be asked of this subject."""

    def __init__(self, why: WhyNot, detail: str = "") -> None:
        super().__init__(f"{why}{': ' if detail else ''}{detail}")
        self.why, self.detail = why, detail


@dataclass
class Subject:
    """The one who is asked. Tables and exports are made when first needed, and shared by the questions."""

    clients: OwnClients
    long: bool = False
    kms_key: str | None = None
    has_bucket: bool = True
    patience: float = 60.0  # seconds for a table to be there
    export_patience: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    pass_time: Callable[[float], None] | None = None  # where time can be let pass without waiting for it
    made: dict[str, Any] = field(default_factory=dict)  # what was made once and is kept: exports, imports, windows
    durations: dict[str, float] = field(default_factory=dict)
    _tables: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def ddb(self) -> Any:
        return self.clients.dynamodb

    @property
    def s3(self) -> Any:
        return self.clients.s3

    @property
    def names(self) -> OwnNames:
        return self.clients.names

    @property
    def bucket(self) -> str:
        return self.names.bucket

    def key(self) -> dict[str, Any]:
        """A partition key that no other question uses."""
        return {"S": f"k{next(self._numbers):05}"}

    def item(self, **more: Any) -> dict[str, Any]:
        return {"id": self.key()} | more

    def table(self, what: str = "plain") -> str:
        """The name of an own table, which is there and ACTIVE."""
        name = self.names.table(what)
        if name not in self._tables:
            if outcome_of(self.ddb.describe_table, TableName=name) == "ResourceNotFoundException":
                self.create(what)
            self.until_active(name)
            self._tables.add(name)
        return name

    def create(self, what: str, client: Any = None, **changes: Any) -> str:
        """Have a fixture made, without waiting for it."""
        name = self.names.table(what)
        definition = FIXTURES.get(what, FIXTURES["plain"]) | changes
        (client or self.ddb).create_table(TableName=name, Tags=tags_of_asking(self.names.id), **definition)
        return name

    def until_active(self, name: str, client: Any = None) -> None:
        ask = (client or self.ddb).describe_table
        self.wait(lambda: ask(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"table {name}", self.patience)

    def wait(self, done: Callable[[], bool], what: str, patience: float, every: float | None = None) -> float:
        """Seconds until something was so; raises CannotAsk when it takes too long."""
        started = self.clock()
        pause = every if every is not None else (5.0 if self.clients.is_aws else 0.05)
        while not done():
            if self.clock() - started > patience:
                raise CannotAsk(WhyNot.NO_FIXTURE, f"{what} was not ready after {patience:.0f} s")
            self.sleep(pause)
        return self.clock() - started

    def let_pass(self, seconds: float) -> None:
        """Wait, where there is leave to take long; a window cannot be had sooner than it is over."""
        if self.pass_time is None and not self.long:
            raise CannotAsk(WhyNot.ONLY_LONG)
        (self.pass_time or self.sleep)(seconds)

    def let_hours_pass(self, hours: float) -> None:
        """Let more time pass than an asking can wait; only where that is possible without waiting."""
        if self.pass_time is None:
            raise CannotAsk(WhyNot.NOT_IN_TIME)
        self.pass_time(hours * 3600)

    def put(self, table: str, *items: dict[str, Any]) -> None:
        for item in items:
            self.ddb.put_item(TableName=table, Item=item)

    def read(self, table: str, item: dict[str, Any]) -> dict[str, Any] | None:
        """What is held under an item's id."""
        answer = self.ddb.get_item(TableName=table, Key={"id": item["id"]}, ConsistentRead=True)
        held: dict[str, Any] | None = answer.get("Item")
        return held

    def has_second_region(self) -> bool:
        """Whether a table of one region is not one of the other; some engines have one namespace for all."""
        if "regions" not in self.made:
            found = outcome_of(self.clients.other.describe_table, TableName=self.table())
            self.made["regions"] = found == "ResourceNotFoundException"
        return bool(self.made["regions"])

    def object(self, key: str) -> bytes:
        if not self.has_bucket:
            raise CannotAsk(WhyNot.NO_BUCKET)
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def json_object(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.object(key))
        return found

    def keys_under(self, prefix: str) -> list[str]:
        return [key for key, _ in list_objects(self.s3, self.bucket, prefix)]
