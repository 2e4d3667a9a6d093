"""Which run counts as one that has written to what another has proved, by their records alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.report.render.written_since import ENDLESS, recorded_writes, writes_of, writes_since
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.facts.starts import (
    ATTEMPTS,
    IDENTITIES,
    RUN_ID,
    STEP_FACTS,
    STEP_STARTS,
    AttemptFact,
    IdentityFact,
    StepFact,
    StepStart,
    StepStatus,
)
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import LEDGER
from tests.support.facts import plan_pair
from tests.support.records import STEPS, Record, passed, stamp, typed

BEFORE, LATER = 4000, 5000  # the comparison of `passed` has begun after a minute or two


def moment(seconds: float) -> datetime:
    return datetime.fromisoformat(stamp(seconds))


def step(name: str, at: float, *, execute: bool = True, status: str = "completed", **more: Any) -> Record:
    return {
        "name": name, "status": status, "seconds": 1.0, "started": stamp(at), "execute": execute,
        "finished": stamp(at + 1), "starts": [{"started": stamp(at), "execute": execute}],
    } | more  # fmt: skip


def other(at: float = LATER, **more: Any) -> Record:
    """A run that has ended, and whose import was then."""
    made = passed() | {"run_id": "other"}
    made["steps"] = [step("preflight", at - 2), step("import", at), step("validate", at + 2), step("report", at + 4)]
    return made | more


def after(writer: Record, mine: Record | None = None) -> list[datetime]:
    """The ends of the writes of a run that another one's PASS has to reckon with."""
    found = writes_since(typed(mine or passed()), writes_of(typed(writer)))
    assert {write.run_id for write in found} <= {"other"}
    return [write.ended for write in found]


def loaded(made: Record) -> int:
    return sum(bool(table["items_written"]) for table in made["tables"])


def unloaded(made: Record) -> Record:
    """The record of a run whose exports were empty."""
    for table in made["tables"]:
        table["items_written"] = 0
    return made


def test_a_later_import_counts_until_its_step_has_ended() -> None:
    assert after(other()) == [moment(LATER + 1)] * loaded(passed())
    assert after(other(at=10)) == []


@pytest.mark.parametrize("name", ["repair", "cut_over", "catch_up"])
@pytest.mark.parametrize("status", ["completed", "failed"])
@pytest.mark.parametrize("execute", [False, True])
def test_a_step_that_has_compared_nothing_gives_no_proof_back(name: str, status: str, execute: bool) -> None:
    mine = passed()
    mine["steps"].insert(3, step(name, LATER + 100, status=status, execute=execute))
    assert len(after(other(), mine)) == loaded(mine)


def test_a_validation_that_was_begun_again_and_stored_nothing_gives_no_proof_back() -> None:
    mine = passed()
    mine["steps"][3] = step("validate", LATER + 100, execute=False)
    assert len(after(other(), mine)) == loaded(mine)


def test_what_was_compared_since_is_proved_table_by_table() -> None:
    mine = passed()
    for table in mine["tables"][1:]:
        table["spans"]["validate"] = [stamp(LATER + 100), stamp(LATER + 101)]
    mine["tables"][0]["items_written"] = 1
    writer = other()
    writer["tables"][0]["items_written"] = 1
    (found,) = writes_since(typed(mine), writes_of(typed(writer)))
    assert found.target.endswith(mine["tables"][0]["target"])


def test_a_table_of_which_no_comparison_is_known_counts_as_written_over() -> None:
    mine = passed()
    for table in mine["tables"]:
        table["spans"]["validate"] = [None, None]
    assert len(after(other(at=10), mine)) == loaded(mine)


def killed(*, status: str = "not run", on_non_empty: str | None = None) -> Record:
    """What `run.json` says of a run that was killed in its import: it was written when the export had ended."""
    made = unloaded(other(verdict="RUNNING", executed=False))
    made["steps"] = [step("preflight", 1), step("export", 2)]
    made["steps"] += [{"name": name, "status": "not run", "seconds": 0.0} for name in STEPS[2:]]
    made["steps"][2]["status"] = status
    for table in made["tables"]:
        table["on_non_empty"] = on_non_empty
    return made


@pytest.mark.parametrize("status", ["not run", "running"])
def test_a_run_that_may_write_and_has_not_ended_writes_to_all_of_its_targets(status: str) -> None:
    assert after(killed(status=status)) == [ENDLESS] * len(passed()["tables"])


def test_a_run_that_has_not_ended_and_may_not_write_has_written_nothing() -> None:
    made = killed()
    made["attempts"][-1]["execute"] = False
    assert after(made) == []


def test_a_run_that_has_not_ended_and_only_adds_replaces_nothing() -> None:
    assert after(killed(on_non_empty="append")) == []
    made = killed(on_non_empty="append")
    made["attempts"].append({"started": stamp(LATER), "steps": ["repair", "validate"], "tables": "*", "execute": True})
    assert after(made) == [ENDLESS] * len(made["tables"])


def test_an_import_that_ended_before_counts_no_longer_than_that_while_the_run_goes_on() -> None:
    made = other(at=10, verdict="RUNNING")
    assert after(made) == []


def begun(status: StepStatus, table: Record) -> list[datetime]:
    """The ends of the writes of a run by its up-to-date record, with one step under way."""
    made = other(verdict="RUNNING")
    made["steps"][1] = step("import", LATER, status=str(status), finished=None)
    made["tables"] = [made["tables"][0] | table]
    return [write.ended for write in writes_of(typed(made), up_to_date=True)]


def test_an_up_to_date_record_says_which_tables_an_import_has_come_to() -> None:
    nothing: Record = {"items_written": None, "on_non_empty": None}
    assert begun(StepStatus.RUNNING, nothing) == []
    assert begun(StepStatus.RUNNING, nothing | {"on_non_empty": "overwrite"}) == [ENDLESS]
    assert begun(StepStatus.RUNNING, nothing | {"on_non_empty": "append"}) == []
    assert begun(StepStatus.RUNNING, nothing | {"import_table": {"arn": "a"}}) == [ENDLESS]


@pytest.mark.parametrize("name", ["cleanup", "rollback"])
def test_a_step_that_takes_back_and_goes_on_writes_to_every_target(name: str) -> None:
    made = other(at=10, verdict="RUNNING")
    made["steps"].append(step(name, LATER, status="running", finished=None))
    assert [w.ended for w in writes_of(typed(made), up_to_date=True)] == [ENDLESS] * len(made["tables"])
    made["steps"][-1] |= {"execute": False}
    assert ENDLESS not in [w.ended for w in writes_of(typed(made), up_to_date=True)]


def test_a_later_dry_start_of_the_import_does_not_hide_one_that_wrote() -> None:
    made = other()
    starts = [{"started": stamp(LATER), "execute": True}, {"started": stamp(LATER + 50), "execute": False}]
    made["steps"][1] = step("import", LATER + 50, execute=False, starts=starts)
    assert set(after(made)) == {moment(LATER + 50)}
    made["steps"][1]["starts"] = starts[1:]
    assert after(made) == []


def test_an_import_that_is_to_be_done_again_had_ended_when_that_start_began() -> None:
    made = other()
    made["steps"][1] |= {"status": "not run", "finished": None, "execute": None}
    made["attempts"].append({"started": stamp(LATER + 70), "steps": list(STEPS), "tables": "*", "execute": True})
    assert set(after(made)) == {moment(LATER + 70)}


def window(source: str, **more: Any) -> Record:
    return {"windows": [{"source": source, "number": 1, "state": "applied"} | more]}


def repaired(source: str, **more: Any) -> Record:
    return {"repairs": [{"source": source, "status": "completed"} | more]}


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        (lambda source: window(source, acknowledged=3), True),
        (lambda source: window(source, acknowledged=0, written_again=1), True),
        (lambda source: window(source, state="applying"), True),
        (lambda source: window(source, acknowledged=0), False),
        (lambda source: window("another", acknowledged=3), False),
        (lambda source: repaired(source, counts={"added": 1}), True),
        (lambda source: repaired(source, counts={"replaced": 1}), True),
        (lambda source: repaired(source, counts={"deleted": 1}), True),
        (lambda source: repaired(source, status="writing"), True),
        (lambda source: repaired(source, counts={"right": 1}), False),
        (lambda source: repaired("another", counts={"added": 1}), False),
    ],
)
@pytest.mark.parametrize("on_non_empty", ["append", "overwrite"])
def test_what_came_after_an_import_that_loaded_nothing_counts(
    made: Callable[[str], Record], counts: bool, on_non_empty: str
) -> None:
    writer = unloaded(other(at=10))
    writer["steps"].insert(2, step("catch_up", LATER))
    writer["tables"][0]["on_non_empty"] = on_non_empty
    writer |= made(writer["tables"][0]["source"])
    assert after(writer) == ([moment(LATER + 1)] if counts else [])


def test_an_import_of_which_nothing_was_counted_has_written() -> None:
    writer = unloaded(other())
    assert after(writer) == []
    writer["tables"][0] |= {"items_written": None, "on_non_empty": "overwrite"}
    assert after(writer) == [moment(LATER + 1)]


def back(**more: Any) -> Record:
    return {"status": "completed", "started": stamp(LATER), "finished": stamp(LATER + 9)} | more


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (back(restored=1), [LATER + 9]),
        (back(deleted=1), [LATER + 9]),
        (back(unchanged=4, kept=2), []),
        (back(status="failed", deleted=1), [LATER + 9]),
        (back(status="writing", finished=None), [None]),
        (back(status="dry-run", unchanged=4), [LATER]),  # since one that wrote
    ],
)
def test_a_rollback_that_took_something_back_counts(made: Record, ends: list[float | None]) -> None:
    writer = unloaded(other(at=10, rolled_back=stamp(LATER)))
    writer["rollbacks"] = [made | {"source": writer["tables"][0]["source"]}]
    assert after(writer) == [ENDLESS if end is None else moment(end) for end in ends]
    writer["rollbacks"][0] |= {"restored": 1}
    assert after(writer | {"rolled_back": None}) == []  # it only looked, ever


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        ({"done": True, "items_deleted": 1, "ended": stamp(LATER)}, [LATER]),
        ({"done": True, "table_deleted": True, "ended": stamp(LATER)}, [LATER]),
        ({"done": True, "objects": 4, "ended": stamp(LATER)}, []),
        ({"done": False, "kept": "it stays", "ended": stamp(LATER)}, []),
        ({"done": True, "objects": 4}, []),
        ({"done": False}, [None]),
        ({"done": False, "items_deleted": 5}, [None]),
    ],
)
def test_a_cleanup_that_took_something_out_counts(made: Record, ends: list[float | None]) -> None:
    writer = unloaded(other(at=10, cleaned=stamp(LATER - 5)))
    writer["cleanup"] = [made | {"source": writer["tables"][0]["source"]}]
    assert after(writer) == [ENDLESS if end is None else moment(end) for end in ends]


def ledger_of(folder: Path, step_name: str, *, on_non_empty: str | None = None, execute: bool = True) -> None:
    """A run of one table in a step that has not ended, as the ledger has it."""
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / LEDGER)
    RUN_ID.record(ledger, "other")
    who = passed()["identity"]["target"]
    for side in ("source", "target"):
        IDENTITIES.record(ledger, side, IdentityFact(who["account"], who["region"], who["arn"], who["endpoint"]))
    made = passed()["tables"][-1]
    plan_pair(ledger, made["source"], target=made["target"])
    ATTEMPTS.record(ledger, (AttemptFact(stamp(1), STEPS, "*", execute, "migration.yaml"),))
    STEP_FACTS.record(ledger, step_name, StepFact(StepStatus.RUNNING, stamp(5), execute))
    STEP_STARTS.record(ledger, step_name, (StepStart(stamp(5), execute, {"source": None, "target": None}, "code"),))
    if on_non_empty:
        IMPORTS.record(ledger, made["source"], ImportFact(ImportStatus.LOADING, stamp(6), on_non_empty=on_non_empty))
    ledger.close()


def in_folder(root: Path, **how: Any) -> list[datetime]:
    ledger_of(root / "other", **how)
    return [write.ended for write in writes_since(typed(passed()), recorded_writes(root))]


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("how", "counts"),
    [
        ({"step_name": "export"}, 0),
        ({"step_name": "import"}, 0),
        ({"step_name": "import", "on_non_empty": "overwrite"}, 1),
        ({"step_name": "import", "on_non_empty": "append"}, 0),
        ({"step_name": "import", "on_non_empty": "overwrite", "execute": False}, 0),
        ({"step_name": "repair", "on_non_empty": "append"}, 1),
        ({"step_name": "cleanup"}, 1),
        ({"step_name": "rollback"}, 1),
        ({"step_name": "rollback", "execute": False}, 0),
    ],
)
def test_what_a_run_that_has_not_ended_does_is_read_from_its_ledger(
    tmp_path: Path, how: Record, counts: int, published: bool
) -> None:
    """What `run.json` says is of before the step; a run that was begun in notebooks has none yet."""
    if published:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "run.json").write_text(json.dumps(other(at=10, verdict="RUNNING")))
    assert in_folder(tmp_path, **how) == [ENDLESS] * counts


def test_without_a_ledger_that_can_be_read_a_run_that_has_not_ended_is_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LEDGER).write_text("no ledger")
    (tmp_path / "other" / "run.json").write_text(json.dumps(killed()))
    (tmp_path / "neither").mkdir()
    found = writes_since(typed(passed()), recorded_writes(tmp_path))
    assert [write.ended for write in found] == [ENDLESS] * len(passed()["tables"])
