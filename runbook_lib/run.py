"""One run: its folder, its configuration, its clients and its ledger.

A notebook opens the run it belongs to with `open_run`; everything it then does goes through
the ledger, so that each notebook can be run alone, later and again.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook_lib.advice import advise
from runbook_lib.aws.clients import Clients, connect
from runbook_lib.aws.tables import TableFacts
from runbook_lib.config import NAME, Migration, load_config
from runbook_lib.errors import ConfigError, GateFailed, Interrupted, ResumeRefused
from runbook_lib.keyed import RunSecret
from runbook_lib.ledger import Ledger
from runbook_lib.moments import stamp
from runbook_lib.paths import reports_root
from runbook_lib.plan import Pair, Plan, is_among
from runbook_lib.prices import prices_of
from runbook_lib.run_secret import run_secret
from runbook_lib.unfinished import begin

STEPS = ("preflight", "export", "import", "validate", "report")
AFTERWARDS = ("report", "cleanup")  # what may still be done with a run whose traces were removed
ORPHAN_SECONDS = 20.0
GO_ON = {
    "preflight": "Nothing was changed; run it again.",
    "export": "Exports that were started go on in AWS; run it again with the same run id and it finds them.",
    "create": "A table that is being made is recorded; run it again with the same run id and it is found.",
    "import": "What was acknowledged is recorded; run it again with the same run id and it goes on from there.",
    "validate": "Run it again with the same run id; it goes on after the last finished file or segment.",
    "report": "Run it again.",
    "cleanup": "What was removed is recorded; run it again and it goes on from there.",
}


@dataclass(slots=True)
class Run:
    """An open run. `execute` allows writing to the target; `only` are globs over source tables, see `is_among`.

    `confirmed` is the target as a person typed it here, in place of the file's `confirm_target`.
    """

    id: str
    folder: Path
    config: Migration
    clients: Clients
    ledger: Ledger
    execute: bool
    only: str = "*"
    confirmed: str = ""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _secret: RunSecret | None = field(default=None, repr=False)

    @property
    def secret(self) -> RunSecret:
        """What key hashes and the comparison are keyed with; made when it is first asked for, after the export."""
        if self._secret is None:
            self._secret = run_secret(self.ledger, self.id)
        return self._secret

    def pairs(self) -> list[Pair]:
        """The planned tables in the order of their import; empty before the pre-flight."""
        planned = self.ledger.all("pair").values()
        return [Pair.from_json(p["pair"]) for p in sorted(planned, key=lambda p: p["place"])]

    def planned_pairs(self) -> list[Pair]:
        """Those of the planned tables that this invocation acts on; raises GateFailed if there is no plan."""
        if not self.ledger.all("pair"):
            raise GateFailed(f"run {self.id} has no plan yet; run 00_preflight first")
        chosen = [pair for pair in self.pairs() if is_among(pair.source, self.only)]
        if not chosen:
            raise GateFailed(f"no table of run {self.id} matches {self.only!r}")
        return chosen

    def keep_plan(self, plan: Plan) -> None:
        """Record the plan; the tables of a run never change after its first pre-flight."""
        with self.ledger.batch():
            for place, pair in enumerate(plan.pairs):
                self.ledger.put("pair", pair.source, {"place": place, "pair": asdict(pair)})
            self.ledger.put("plan", "blockers", [asdict(b) for b in plan.blockers])
            for source, parity in plan.parity.items():
                self.ledger.put("parity", source, parity.to_json() | {"at": stamp(self.now()), "step": "preflight"})
            self.ledger.put("plan", "warnings", [asdict(w) for w in plan.warnings])
            self.ledger.put("plan", "checks", [c.to_json() for c in plan.checks])
            self.ledger.put("estimate", "prices", self._prices())
            for source, stand in plan.standings.items():
                self.ledger.put("standing", source, asdict(stand))
            if plan.estimate is not None:
                advice = [a.to_json() for a in advise(self.config, plan.estimate, plan.standings)]
                self.ledger.put("estimate", "preflight", plan.estimate.to_json() | {"advice": advice})

    def _prices(self) -> dict[str, Any]:
        """The prices that what was used is priced with, by side."""
        own = self.config
        regions = {"source": own.source.region, "target": own.target.region, "staging": own.staging.region}
        return {side: prices_of(region, own.prices).model_dump() for side, region in regions.items()}

    def has_written_to(self, pair: Pair) -> bool:
        """Whether this run has begun to write to the pair's target, as it is now.

        One that it asked ImportTable for without hearing an answer is taken for its own; the import proves it.
        """
        begun = self.ledger.get("import", pair.source)
        target = pair.target_facts
        if begun and target and (service := begun.get("import_table")):
            return service.get("table_id") in (None, table_identity(target))
        return bool(begun and target and (begun.get("binding") or {}).get("target_table_id") == table_identity(target))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record a step's start, end and seconds; one process at a time.

        An interrupt is recorded too, and raised as Interrupted, which says how to go on.
        """
        if name not in AFTERWARDS:
            refuse_cleaned(self.ledger, self.id)
        with _only_one(self.folder / ".lock", f"run {self.id}"):
            begin(self.folder)
            started = self.now()
            clock = time.monotonic()
            record: dict[str, Any] = {"status": "running", "started": stamp(started), "message": None}
            with self.ledger.batch():
                keep_seconds(self.ledger, name)
                self.ledger.put("step", name, record)
            try:
                yield
            except KeyboardInterrupt:
                stopped = Interrupted(f"{name} was stopped by hand. {GO_ON[name]}")
                record |= {"status": "interrupted", "message": str(stopped)}
                raise stopped from None
            except BaseException as error:
                record |= {"status": "failed", "message": str(error) or type(error).__name__}
                raise
            else:
                record["status"] = "completed"
            finally:
                record |= {"finished": stamp(self.now()), "seconds": round(time.monotonic() - clock, 3)}
                self.ledger.put("step", name, record)

    @property
    def confirmation(self) -> str:
        """What spells the target for this run."""
        return self.confirmed or self.config.confirm_target


def keep_seconds(ledger: Ledger, step: str) -> None:
    """Add what the last start of a step has taken to the seconds of its starts before, and forget its record."""
    if seconds := (ledger.get("step", step) or {}).get("seconds"):
        ledger.put("seconds", step, (ledger.get("seconds", step) or 0.0) + seconds)
    ledger.forget("step", step)


def open_run(
    config: str = "",
    run_id: str = "",
    execute: bool = False,
    tables: str = "*",
    clients: Clients | None = None,
) -> Run:
    """Open the run a notebook belongs to, making its folder if need be.

    Without `config` the environment's RUNBOOK_CONFIG is used; without `run_id` the migration's
    name with `-lab`, so that the notebooks of one sitting share a run. RUNBOOK_EXECUTE=1 stands
    for `execute`. Raises ConfigError for what is wrong with them and ResumeRefused when the run
    was started with another configuration.
    """
    for name, value, kind in (
        ("config", config, str),
        ("run_id", run_id, str),
        ("execute", execute, bool),
        ("tables", tables, str),
    ):
        if not isinstance(value, kind):
            raise ConfigError(f"parameter {name}: expected {kind.__name__}, found {value!r}")
    path = config or os.environ.get("RUNBOOK_CONFIG", "")
    if not path:
        raise ConfigError(
            "no migration file: set the parameter 'config', or start JupyterLab with `make lab`, "
            "which points RUNBOOK_CONFIG at the sandbox's"
        )
    migration = load_config(path)
    name = run_id or f"{migration.name}-lab"
    folder = prepare_folder(name, Path(path), migration)
    ledger = Ledger(folder / "ledger.sqlite")
    check_fingerprint(ledger, migration, name)
    clients = clients or connect(migration)
    begin(folder)
    clients.calls.report_to(ledger.count_call)
    allowed = execute or os.environ.get("RUNBOOK_EXECUTE") == "1"
    run = Run(name, folder, migration, clients, ledger, allowed, tables)
    _keep_identity(run)
    if ledger.get("run", "started") is None:
        ledger.put("run", "started", stamp(run.now()))
    return run


def prepare_folder(run_id: str, config_path: Path, config: Migration) -> Path:
    """The run's folder with a copy of its configuration in it."""
    if not re.fullmatch(NAME, run_id):
        raise ConfigError(f"run id: expected letters, digits, dot, dash and underscore, found {run_id!r}")
    folder = reports_root() / run_id
    for inner in (folder, folder / "quarantine", folder / "charts"):
        inner.mkdir(parents=True, exist_ok=True)
    kept = folder / "migration.yaml"
    if config_path.resolve() != kept.resolve():
        shutil.copyfile(config_path, kept)
    return folder


def check_fingerprint(ledger: Ledger, config: Migration, run_id: str) -> None:
    """Raise ResumeRefused if the run was started with a configuration that moves other items."""
    began = ledger.get("run", "fingerprint")
    if began is None:
        ledger.put("run", "fingerprint", config.fingerprint())
    elif began != config.fingerprint():
        raise ResumeRefused(
            f"run {run_id} was started with another configuration (fingerprint {began}, now "
            f"{config.fingerprint()}); use its migration.yaml, or another run id for a new run"
        )


def refuse_cleaned(ledger: Ledger, run_id: str) -> None:
    """Raise ResumeRefused for a run whose traces were removed: what its ledger knows is not there any more."""
    if cleaned := ledger.get("run", "cleaned"):
        raise ResumeRefused(f"run {run_id} was cleaned up at {cleaned} and cannot go on; start a new run")


def _keep_identity(run: Run) -> None:
    """Remember who each side was; a resumed run must reach the same accounts."""
    for side, who in (("source", run.clients.source_identity), ("target", run.clients.target_identity)):
        known = run.ledger.get("identity", side)
        if known and (known["account"], known["region"]) != (who.account, who.region):
            raise ResumeRefused(
                f"run {run.id} began with {side} {known['account']}/{known['region']}, these credentials reach "
                f"{who.account}/{who.region}; use the former credentials or another run id"
            )
        run.ledger.put("identity", side, who.as_facts())


@contextmanager
def _only_one(lock: Path, what: str, seconds: float = ORPHAN_SECONDS) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process dies.

    Waits a little: the kernel of a killed run takes a moment to notice that it is an orphan.
    """
    with open(lock, "w") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise GateFailed(f"{what} is being worked on by another process; wait for it or stop it") from None
                time.sleep(0.1)
        yield


def table_identity(facts: TableFacts) -> str:
    """What tells a table from one of the same name made later; its ARN where the server gives no id."""
    return facts.table_id or facts.arn
