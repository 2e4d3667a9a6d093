"""Whole small migrations between the two regions of an account, as `runbook conformance --migrate` asks for them.

Each is a run like any other, with the usual notebooks and report. Its tables and objects have the names of one asking,
so that they are found and removed like everything else that an asking makes, also after a kill.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.guard.conformance_calls import OwnNames
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.own_clients import OwnClients
from runbook_lib.config.model import Migration
from runbook_lib.conformance.account.asking import Asking, lines_about
from runbook_lib.conformance.account.removal import Waiting, register_asking, remove_all
from runbook_lib.conformance.made.exports import SAMPLE, recovered
from runbook_lib.conformance.subject import Subject
from runbook_lib.headless.runner import Request, run_notebooks
from runbook_lib.headless.time_limit import TimeLimit
from runbook_lib.iac.iam_policy import policies
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.iac.policy_statements import table_arn
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.facts.cut_over.gates import CutOverAsked
from runbook_lib.run.verdicts import INTERRUPTED, PASS

BATCH = "batch_write"
LONG_STRATEGIES = ("import_table", "bulk_put")  # which DynamoDB does itself, in its own time
WINDOW_MINUTES, AFTERWARDS_MINUTES = 20.0, 40.0

Say = Callable[[str], None]


@dataclass(slots=True)
class SmallMigrations:
    """The migrations of one asking; `let_pass` is for a sandbox whose time can be let pass, `more` for its settings."""

    asking: Asking
    clients: OwnClients
    say: Say
    let_pass: Callable[[str, float], None] = lambda table, minutes: None
    more: Mapping[str, object] = field(default_factory=dict)

    def run(self) -> list[RunRecord]:
        """One run for each way of loading a target, with --long also a cut-over; everything made is removed again.

        The reports stay. A run that does not pass ends only itself; one that was interrupted ends them all, be it by a
        person or by the time that was given: then there are fewer records than ways.
        """
        pause = 5.0 if self.clients.is_aws else 0.1
        records: list[RunRecord] = []
        limit = TimeLimit(self.asking.minutes * 60)
        register_asking(self.clients, self.asking.regions, time.time)
        try:
            with tempfile.TemporaryDirectory(prefix="runbook-migrate-") as folder, limit.held():
                for strategy in strategies_of(self.asking):
                    records.append(self._migrated(strategy, Path(folder)))
                    if records[-1].verdict == INTERRUPTED or limit.is_up:
                        break
            if limit.is_up:
                self.say(f"the time was up after {self.asking.minutes:g} minutes (--minutes); nothing more is begun")
        finally:
            for line in lines_about(remove_all(self.clients, Waiting(self.say, pause=pause))):
                self.say(line)
        return records

    def _migrated(self, strategy: str, folder: Path) -> RunRecord:
        word = strategy.replace("_", "-")
        subject = Subject(self.clients, long=True, patience=300.0 if self.clients.is_aws else 20.0)
        source = recovered(subject, f"from-{word}")
        account = self.clients.identity(self.asking.endpoint).account
        settings = own_migration(self.asking, self.clients.names, account, strategy) | dict(self.more)
        (file := folder / f"{word}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.say(f"migrate   {source} by {strategy}")
        run_id = f"conformance-{self.clients.names.id}-{word}"
        record = run_notebooks(Request(file, run_id, execute=True), self.say)
        if strategy == BATCH and self.asking.long and record.verdict == PASS:
            return self._cut_over(file, source, record)
        return record

    def _cut_over(self, file: Path, source: str, record: RunRecord) -> RunRecord:
        """A change that only a window has, caught up with; then the switch, and the look after it."""

        def go(asked: CutOverAsked | None = None) -> RunRecord:
            request = Request(file, record.run_id, execute=True, catch_up=asked is None, cut_over=asked)
            return run_notebooks(request, self.say)

        self.clients.dynamodb.put_item(TableName=source, Item=SAMPLE[0] | {"n": {"N": "2"}})
        for _ in range(2):
            self.let_pass(source, WINDOW_MINUTES)
            record = go()
            if record.verdict != PASS:
                return record
        latest = recovery_of(self.clients.dynamodb, source).latest or datetime.now(UTC)
        frozen = max(datetime.now(UTC), latest + timedelta(seconds=1)).isoformat(timespec="seconds")
        self.let_pass(source, WINDOW_MINUTES)
        record = go(CutOverAsked(frozen, confirmed=True))
        if record.verdict != PASS:
            return record
        self.let_pass(source, AFTERWARDS_MINUTES)
        return go(CutOverAsked("", confirmed=True))


def own_migration(asking: Asking, names: OwnNames, account: str, strategy: str) -> dict[str, object]:
    """The migration file of one strategy; with the names of no one asking, of those of all."""
    side = {"endpoint_url": asking.endpoint, "profile": asking.profile}
    word = strategy.replace("_", "-")
    folder = f"{names.folder.rstrip('/')}/{word}" if names.id else f"{names.folder}*"
    return {
        "name": f"conformance-{word}",
        "source": {"region": asking.region, **side},
        "target": {"region": asking.other_region, **side},
        "staging": {"bucket": names.bucket, "prefix": folder, "region": asking.other_region, **side},
        "tables": {
            "include": [names.table(f"from-{word}")],
            "rename": {"pattern": "(?P<stem>.+)-from-(?P<name>.+)", "to": "{stem}-into-{name}"},
            "create_missing": True,
        },
        "export": {"without_pitr": "fail"},
        "import": {"strategy": strategy, "on_non_empty": "fail"},
        "confirm_target": f"{account}/{asking.other_region}",
        # Nobody has published what a bulk put costs, and a limit refuses what it cannot be held to.
        "limits": {"max_cost_usd": None if strategy == "bulk_put" else asking.limit},
        "references": {"in_preflight": False},  # which would read the functions of the whole account
    }


def migrating_policies(asking: Asking, account: str) -> dict[str, object]:
    """The policies of the migrations, by strategy: those of `runbook policy`, for own names alone."""
    names = OwnNames(asking.bucket or "BUCKET")
    source, target = (Identity(account, region, None, "") for region in asking.regions)
    every = f"{names.stem}*"
    found: dict[str, object] = {}
    for strategy in strategies_of(asking):
        config = Migration.model_validate(own_migration(asking, names, account, strategy))
        table = TablePermissions(every, table_arn(source, every), table_arn(target, every), "export")
        made = policies(config, [table], source, target)
        found[strategy] = {side: made[side] for side in ("source", "target")}
    return found


def strategies_of(asking: Asking) -> tuple[str, ...]:
    """The ways of loading that are tried."""
    return (BATCH, *LONG_STRATEGIES) if asking.long else (BATCH,)
