"""Words are for readers: replace every message, and every decision stays what it was."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.commands.output import CODES
from runbook_lib.errors import GateFailed
from runbook_lib.notebook.gates import gate_plan, gate_validation
from runbook_lib.plan.check import Check
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.sections.check_rows import check_count, check_rows
from runbook_lib.report.sections.checklist import checklist
from runbook_lib.report.sections.findings import attention
from runbook_lib.report.sections.first_screen.summary import why
from runbook_lib.report.sections.schema_findings import index_rows, parity_rows, unannounced
from runbook_lib.schema.difference import DefinitionDifference, Gap
from tests.support import records
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.records import Record
from tests.support.world import World, indexed_by, things

LIBRARY = Path(__file__).resolve().parents[3] / "runbook_lib"
PROSE = {"expected", "found", "remedy", "message", "why", "reason", "reasons", "text", "claim", "evidence", "sentence"}
JUDGING = {"startswith", "endswith", "find", "index", "partition", "rpartition", "split", "count", "lower", "upper"}


def other_words(text: str) -> str:
    """Words that have nothing to do with a text; the same for the same."""
    return "w" + hashlib.sha256(text.encode()).hexdigest()[:20]


def scrambled(value: Any, name: str = "") -> Any:
    """A record in which whatever is prose says something else."""
    if isinstance(value, dict):
        return {k: scrambled(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [scrambled(v, name) for v in value]
    return other_words(value) if isinstance(value, str) and name in PROSE else value


def decisions(record: Record) -> dict[str, Any]:
    """Everything that a record decides: answers, groups, numbers of findings, what is unknown, the exit code."""
    return {
        "verdict": (record["verdict"], CODES.get(record["verdict"])),
        "tables": [(t["source"], t["verdict"]) for t in record["tables"]],
        "grounds": [(g["id"], g["subject"]) for g in record.get("grounds") or []],
        "blockers": [(b.get("id"), b.get("table")) for b in record.get("blockers") or []],
        "warnings": [(w.get("id"), w.get("table"), w.get("about")) for w in record.get("warnings") or []],
        "answers": [check.answer for check in checklist(records.figures(record))],
        "looks": sorted((row.name, row.status, row.subjects) for row in check_rows(records.figures(record))),
        "looked": check_count(records.figures(record)),
        "unknown": [(u.id, u.source, u.subject, u.bearing, u.accepted) for u in records.figures(record).unknown],
        "unannounced": [u.table for u in unannounced(records.figures(record))],
        "parity": [(row.rating, row.tables) for row in parity_rows(records.figures(record))],
        "indexes": [(row.facts.index, row.facts.state) for row in index_rows(records.figures(record))],
        "findings": (
            len(attention(records.figures(record))),
            len(records.figures(record).contradictions),
            len(why(records.figures(record))),
        ),
    }


def warned() -> Record:
    made = records.passed()
    records.of(made, "loans")["parity"] = records.parity(
        records.differs("time to live"), records.differs("point-in-time recovery"),
        not_checked=[{"property": "tags", "why": "refused"}],
    )  # fmt: skip
    made["warnings"] = [{"id": "definition-time-to-live", "about": "time to live", "expected": "time to live on",
                         "found": "off", "remedy": "x", "table": records.of(made, "loans")["target"]}]  # fmt: skip
    made["blockers"] = [{"id": "key", "table": "t", "expected": "the key", "found": "pk", "remedy": "again"}]
    clock = {"id": "clock", "name": "clock", "source": "", "table": "m", "status": "not checked", "found": "x"}
    made["checks"] = [clock]
    return made


KINDS: list[Callable[[], Record]] = [records.passed, records.failed, records.dry_run, warned]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_record_in_other_words_decides_the_same(kind: Callable[[], Record]) -> None:
    made = kind()
    again = scrambled(copy.deepcopy(made))
    assert (again != made) == (kind is not records.dry_run)  # which has no word to say
    assert decisions(again) == decisions(made)


def lived(world: World, run_id: str, *, denied: bool) -> dict[str, Any]:
    """What a run decides, step by step."""
    run = world.open(run_id, confirm_target="111122223333/us-east-2", **{"import": {"on_non_empty": "overwrite"}})
    plan = preflight(run)
    passed = []
    for gate in (lambda: gate_plan(run, plan), lambda: gate_validation(run)):
        if passed == [True]:
            export_tables(run)
            import_tables(run)
            if denied:
                world.fault(kind="denied", operation="Query")
            validate_tables(run)
            world.clear_faults()
        try:
            gate()
            passed.append(True)
        except GateFailed:
            passed.append(False)
            break
    return decisions(build_record(run.ledger, run.id, "test").to_json()) | {"gates": passed}


def all_is_well(world: World) -> None:
    world.pair("a", things(10, g={"S": "x"}), **indexed_by("g", "S"))


def an_index_less(world: World) -> None:
    world.table(world.source, world.src("a"), **indexed_by("g", "S"))
    world.put(world.source, world.src("a"), things(10, g={"S": "x"}))
    world.table(world.target, world.dst("a"))


def another_key(world: World) -> None:
    world.pair("a", things(3))
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"), AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}])


ESTATES: list[tuple[Callable[[World], None], bool]] = [
    (all_is_well, False), (all_is_well, True), (an_index_less, False), (another_key, False),
]  # fmt: skip


@pytest.mark.whole
@pytest.mark.parametrize(("estate", "denied"), ESTATES, ids=[f"{e.__name__}-{d}" for e, d in ESTATES])
@pytest.mark.few(1)
def test_a_run_in_other_words_ends_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, estate: Callable[[World], None], denied: bool
) -> None:
    """Every message of every check, difference and gap says something else from the moment it is made."""
    estate(world)
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    lived(world, "first", denied=denied)  # leaves items behind, so that both of the others begin alike
    plain = lived(world, "plain", denied=denied)
    for kind, members in (
        (Check, ("expected", "found", "remedy")),
        (DefinitionDifference, ("remedy",)),
        (Gap, ("why",)),
    ):
        _reworded(monkeypatch, kind, members)
    other = lived(world, "other", denied=denied)
    assert other == plain


def _reworded(monkeypatch: pytest.MonkeyPatch, kind: Any, members: tuple[str, ...]) -> None:
    made = kind.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        for member in members:
            if text := getattr(self, member):
                object.__setattr__(self, member, other_words(text))

    monkeypatch.setattr(kind, "__init__", init)


def read_as_prose(file: Path) -> Iterator[str]:
    """Comparisons and searches of a module that look into a member that is for readers."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in JUDGING:
            looked_at = [node.func.value]
        elif isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            looked_at = node.comparators
        else:
            continue
        if any(_is_prose(part) for part in looked_at):
            yield f"{file.relative_to(LIBRARY)}: {ast.unparse(node)}"


def _is_prose(node: ast.expr) -> bool:
    """Whether an expression is such a member itself: `x.message`, `x["message"]`, `x.get("message")`, or its text."""
    match node:
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=name)):
            return name in PROSE
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=name), *_]):
            return name in PROSE
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return (isinstance(inner, ast.Name) and inner.id == "error") or _is_prose(inner)
        case ast.BoolOp(values=values):
            return any(map(_is_prose, values))
    return False


@pytest.mark.whole
def test_no_module_searches_a_text_for_readers() -> None:
    # OpenSSL's own word for it, which botocore passes on in a text and nowhere else; click's, for a hint.
    foreign = [
        "aws/outage.py: 'CERTIFICATE_VERIFY_FAILED' not in str(error)",
        "cli.py: 'unexpected extra argument' in error.message",
    ]
    found = [hit for file in LIBRARY.rglob("*.py") if "sandbox" not in file.parts for hit in read_as_prose(file)]
    assert sorted(found) == foreign


@pytest.mark.parametrize(
    "code", ['b.get("expected", "").startswith("x")', 'str(b.get("why")).lower()', '"x" in step["message"]',
             '"x" in (step.get("message") or "")', '"x" in str(error)', "error.message.lower()"],
)  # fmt: skip
def test_one_that_did_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr("tests.emulator.record.test_no_decision_reads_prose.LIBRARY", tmp_path)
    (tmp_path / "m.py").write_text(code, encoding="utf-8")
    assert list(read_as_prose(tmp_path / "m.py"))
