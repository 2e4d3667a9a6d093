"""`run.json`: the verdict and every number of a run, as a type; how it is read, written and described.

docs/run.schema.json is made of this model and published; members are only added, and `schema_version` counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from runbook_lib.atomic_files import write_atomically
from runbook_lib.errors import EvidenceError
from runbook_lib.record.model.around import ReferencesRecord, SurroundingsRecord
from runbook_lib.record.model.base import Count, Moment, Name, Number, OneOf, Recorded, Section
from runbook_lib.record.model.comparison import ItemDifferences
from runbook_lib.record.model.cost import EstimateRecord, Measured, RecoveryTurnedOn, Usage, WarmedUp
from runbook_lib.record.model.cut_over import CutOverRecord
from runbook_lib.record.model.rates import ThroughputRecord
from runbook_lib.record.model.repair import RepairRecord, RollbackRecord
from runbook_lib.record.model.run import (
    Accepted,
    AnchorRecord,
    AttemptRecord,
    CheckRecord,
    CodeRecord,
    EngineRecord,
    Ground,
    IdentityRecord,
    LedgerDigest,
    ObstacleRecord,
    QuarantineRecord,
    RemovalRecord,
    SignerRecord,
    StepRecord,
    Totals,
    UncheckedRecord,
    WorkerRecord,
)
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.model.transform import SoughtRecord
from runbook_lib.record.model.windows import GapRecord, WindowRecord
from runbook_lib.run.attempts import BY_NOTEBOOK
from runbook_lib.run.steps import OF_THEIR_OWN
from runbook_lib.run.unfinished import as_unfinished
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS, RUNNING, UNKNOWN

RUN_JSON = "run.json"
SCHEMA_VERSION = 1
RunVerdict = Annotated[str, OneOf((PASS, FAIL, DRY_RUN, RUNNING, INTERRUPTED))]
Calls = Mapping[str, Count | None]
ESSENCE = frozenset({"run_id", "name", "verdict", "tables"})
EXCERPT = 60


class RunRecord(Section):
    """All of `run.json`; a number that was not measured is null."""

    schema_version: Count = SCHEMA_VERSION
    run_id: Name = ""
    name: Name = ""
    verdict: RunVerdict = UNKNOWN
    reasons: list[str] = []
    grounds: list[Ground] = []
    complete: bool = True
    executed: bool | None = None
    started: Moment | None = None
    finished: Moment | None = None
    export_time: Moment | None = None
    plan_digest: str | None = None
    attempts: list[AttemptRecord] = []
    steps: list[StepRecord] = []
    totals: Totals = Totals()
    tables: list[TableRecord] = []
    differences: ItemDifferences = ItemDifferences()
    quarantine: list[QuarantineRecord] = []
    windows: list[WindowRecord] = []
    lag_seconds: Number | None = None
    accepted_gaps: list[GapRecord] = []
    repairs: list[RepairRecord] = []
    repair_command: str | None = None
    cut_over: CutOverRecord | None = None
    rolled_back: Moment | None = None
    rollbacks: list[RollbackRecord] = []
    blockers: list[ObstacleRecord] = []
    warnings: list[ObstacleRecord] = []
    checks: list[CheckRecord] = []
    not_checked: list[UncheckedRecord] = []
    accept: Accepted = Accepted()
    references: ReferencesRecord | None = None
    surroundings: SurroundingsRecord | None = None
    estimates: Annotated[dict[str, EstimateRecord], Recorded] = {}
    engine: Annotated[dict[str, EngineRecord], Recorded] = {}
    workers: list[WorkerRecord] = []
    spent: Usage = Usage()
    throughput: ThroughputRecord | None = None
    measured: Annotated[dict[str, Measured], Recorded] = {}
    recovery_turned_on: Annotated[dict[str, RecoveryTurnedOn], Recorded] = {}
    warmed: Annotated[dict[str, WarmedUp], Recorded] = {}
    source_calls: Calls = {}
    target_calls: Calls = {}
    staging_calls: Calls = {}
    leak_scan: SoughtRecord | None = None
    cleaned: Moment | None = None
    cleanup: list[RemovalRecord] = []
    identity: IdentityRecord = IdentityRecord()
    code: CodeRecord = CodeRecord()
    codes: Annotated[dict[str, CodeRecord], Recorded] = {}
    anchor: AnchorRecord | None = None
    signer: SignerRecord | None = None
    ledger: Annotated[dict[str, LedgerDigest], Recorded] = {}

    @property
    def starts(self) -> list[AttemptRecord]:
        """The starts that did more than write the report again.

        Each notebook that is run by hand is recorded by itself; together they are one start, until one is run again
        or one that follows no other, as a repair. Such a start may write where one of its notebooks may.
        """
        starts: list[AttemptRecord] = []
        done: set[str] = set()
        for attempt in self.attempts:
            steps = set(attempt.steps)
            if steps == {"report"}:
                continue
            if attempt.by == BY_NOTEBOOK and starts and not steps & {*done, *OF_THEIR_OWN}:
                done |= steps
                starts[-1] = starts[-1].model_copy(update={"execute": attempt.execute or starts[-1].execute})
                continue
            starts.append(attempt)
            done = steps
        return starts

    def calls(self, side: str) -> Calls:
        """How often a side was asked for what."""
        found: Calls = getattr(self, f"{side}_calls")
        return found


def as_record(data: object) -> RunRecord:
    """JSON as the record of a run; raises EvidenceError, in one sentence, for what is none."""
    if not isinstance(data, dict) or not data.keys() & ESSENCE:
        raise EvidenceError("run.json: it is not the record of a run")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise EvidenceError(
            f"run.json: it has schema_version {_short(version)}, and this version of the runbook reads those up to "
            f"{SCHEMA_VERSION}: use the version that made it, or a later one"
        )
    try:
        return RunRecord.model_validate(data)
    except ValidationError as error:
        raise EvidenceError(f"run.json: it is not the record of a run: {_first(error)}") from None


def read_json(folder: Path) -> Any:
    """The `run.json` of a folder as JSON; raises EvidenceError where it is none."""
    try:
        return json.loads((folder / RUN_JSON).read_bytes())
    except OSError as error:
        raise EvidenceError(f"{folder}: run.json cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise EvidenceError(f"{folder}: run.json is no JSON: {type(error).__name__}") from None


def read_record(folder: Path) -> RunRecord:
    """The record of a folder; raises EvidenceError where there is none that can be read."""
    return as_record(read_json(folder))


def write_record(folder: Path, record: RunRecord) -> None:
    """Put the `run.json` of a run that goes on in place in one step; of what is not sealed it says no verdict."""
    known = record.to_json()
    write_atomically(folder / RUN_JSON, as_text(as_unfinished(known) if record.verdict == RUNNING else known))


def as_text(record: dict[str, Any]) -> str:
    """A record as the text of `run.json`."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def misfit_of(error: ValueError) -> str:
    """What of some values makes no record, in one sentence."""
    return _first(error) if isinstance(error, ValidationError) else str(error)


def _first(error: ValidationError) -> str:
    """The first thing that does not fit, and where."""
    said = error.errors(include_url=False)[0]
    where = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in said["loc"]).lstrip(".")
    what = said["msg"].removeprefix("Value error, ")
    return f"{where or 'the record'}: {what[:1].lower()}{what[1:]}, found {_short(said['input'])}"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python prints
        return "a number that is too long"
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}..."
