"""The demo of tables that are written to while they are moved: export, load, catch up, freeze, cut over, look again.

A process of its own writes to the sources throughout, and is ended at the freeze. The sandbox's clock is let pass, so
that windows of a quarter of an hour do not take one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.headless.console import StepEnd
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import moment
from runbook_lib.run.verdicts import PASS
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.demo.live_writer import TAKEN, write_once
from runbook_lib.sandbox.fleet.tables import SOURCE_REGION, fleet_table

TABLES = ("loans", "payments")
ROUNDS, ROUND_MINUTES = 2, 20.0
AFTER_THE_FREEZE_MINUTES, AFTERWARDS_MINUTES = 3.0, 40.0


def live_settings(by: str) -> dict[str, Any]:
    """What the migration file of the live demo has besides the demo's."""
    return {
        "name": "live",
        "tables": {"include": list(live_tables())},
        "catch_up": {"by": by, "margin_seconds": 0, "quiet_seconds": 0, "settle_seconds": 0.5},
        "cut_over": {"max_freeze_minutes": 30.0} | ({"proof": "overlay"} if by == "streams" else {}),
    }


def live_tables() -> tuple[str, ...]:
    """The source tables that are written to."""
    return tuple(fleet_table(name).source for name in TABLES)


@dataclass(frozen=True, slots=True)
class LiveDemo:
    """A sandbox whose tables are written to, the demo's migration file, and what is to go wrong."""

    endpoint: str
    config: Path
    tables: tuple[str, ...]
    sabotage: str | None
    say: Callable[[str], None]
    after: Callable[[StepEnd], None]
    by: str = "windows"

    def run(self, run_id: str) -> RunRecord:
        """From the first export to the look after the switch; ends at the first run that is not a PASS."""
        from runbook_lib.headless.runner import Request, run_notebooks
        from runbook_lib.run.facts.cut_over.gates import CutOverAsked

        def go(**asked: Any) -> RunRecord:
            return run_notebooks(Request(self.config, execute=True, after=self.after, **asked), self.say)

        if self.by == "streams":
            self._switch_streams(on=True)
        with self._writer():
            record = go(run_id=run_id)
            for number in range(ROUNDS):
                if record.verdict != PASS:
                    return record
                self._let_pass(ROUND_MINUTES)
                self._go_wrong(number)
                record = go(run_id=record.run_id, catch_up=True)
        if record.verdict != PASS:
            return record
        frozen = self._now()
        self.say(f"the writer is stopped; at the sources it is {moment(frozen)}")
        self._let_pass(AFTER_THE_FREEZE_MINUTES)
        if self.sabotage == "late-writer":
            self._write_late()
        self._let_pass(ROUND_MINUTES)
        record = go(run_id=record.run_id, cut_over=CutOverAsked(frozen, confirmed=True))
        if record.verdict != PASS:
            return record
        self._let_pass(AFTERWARDS_MINUTES)
        return go(run_id=record.run_id, cut_over=CutOverAsked("", confirmed=True))

    @contextmanager
    def _writer(self) -> Iterator[None]:
        """Somebody who writes to the sources all the while."""
        command = [sys.executable, "-m", "runbook_lib.sandbox.demo.live_writer", self.endpoint, SOURCE_REGION]
        process = subprocess.Popen([*command, *self.tables])
        self.say(f"process {process.pid} writes to {', '.join(self.tables)} from now on")
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def _go_wrong(self, number: int) -> None:
        if number == 0 and self.sabotage == "dropped-change":
            fault = {"operation": "ExportTableToPointInTime", "kind": "dropped-change", "table": self.tables[0]}
            self._control("faults", fault | {"times": 1})
            self.say(f"sabotage  dropped-change: the next window of {self.tables[0]} leaves a change out")
        if number == 1 and self.sabotage == "gap" and self.by == "streams":
            for on in (False, True):
                self._switch_streams(on=on)
            self.say("sabotage  gap: the streams were turned off and on again")
        elif number == 1 and self.sabotage == "gap":
            for on in (False, True):
                self._client().update_continuous_backups(
                    TableName=self.tables[0], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
                )
            self.say(f"sabotage  gap: recovery of {self.tables[0]} was turned off and on again")

    def _switch_streams(self, *, on: bool) -> None:
        """What a person does at the sources before; the migration itself never does."""
        wanted = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"} if on else None
        for table in self.tables:
            known = self._client().describe_table(TableName=table)["Table"].get("StreamSpecification")
            if known and known != wanted:
                self._client().update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
            if wanted and known != wanted:
                self._client().update_table(TableName=table, StreamSpecification=wanted)
        self.say(f"the streams of {', '.join(self.tables)} are {'on' if on else 'off'}")

    def _write_late(self) -> None:
        client, table = self._client(), self.tables[0]
        write_once(client, table, client.scan(TableName=table, Limit=TAKEN)["Items"], 0)
        self.say(f"sabotage  late-writer: an item of {table} is written after the freeze")

    def _now(self) -> str:
        """The time at the sources, to the second that follows."""
        latest = max(moment for name in self.tables if (moment := recovery_of(self._client(), name).latest))
        return (latest + timedelta(seconds=1)).isoformat()

    def _let_pass(self, minutes: float) -> None:
        for table in self.tables:
            arn = self._client().describe_table(TableName=table)["Table"]["TableArn"]
            self._control("clock", {"seconds": 60 * minutes, "table": arn})
        self.say(f"{minutes:g} minutes pass in the sandbox")

    def _client(self) -> Any:
        return sandbox_client("dynamodb", self.endpoint, SOURCE_REGION)

    def _control(self, place: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/{place}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass
