"""Facts are read by their types, dicts of anything stay where AWS and JSON are spoken, and tests see what users see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY, TESTS = ROOT / "runbook_lib", ROOT / "tests"
LEDGER_CALLS = {"get", "put", "all", "forget"}
ANYTHING = {"dict[str, Any]", "Mapping[str, Any]", "MutableMapping[str, Any]", "dict[Any, Any]"}
# Packages that speak to AWS or read its files and items; and, of the rest, each module that has a boundary of its own.
BOUNDARIES = {
    "aws": "requests to AWS and its answers",
    "conformance": "requests and answers, asked and compared",
    "config": "the migration file, before its model has read it",
    "estate": "answers of AWS's services, and templates made of them",
    "export_format": "the JSON of manifests and of exported lines",
    "iac": "templates of CloudFormation and policies of IAM",
    "items": "items in DynamoDB's JSON",
    "masking": "items in DynamoDB's JSON, and JSON inside their texts",
    "references": "answers of AWS's services",
    "sandbox": "an AWS of its own",
}
DOORS = {
    "campaign/page.py": "JSON for programs",
    "cluster/protocol.py": "messages between processes",
    "commands/conformance.py": "what click has read of a command line",
    "commands/output.py": "JSON for programs",
    "commands/runs.py": "JSON for programs",
    "cutover/quiet.py": "items in DynamoDB's JSON",
    "headless/execute_notebook.py": "papermill's parameters",
    "headless/runner.py": "papermill's parameters",
    "hooks/probe.py": "answers of pages that a hook asks",
    "load/distributed/coordinator.py": "messages between processes",
    "load/engine/append.py": "PutItem's answer",
    "load/engine/batch_write.py": "BatchWriteItem's answer",
    "load/targets/create_tables.py": "CreateTable's request",
    "load/targets/import_table.py": "ImportTable's request",
    "notebook/lab.py": "a notebook's JSON, and the environment",
    "notebook/output.py": "the environment",
    "paths.py": "the environment",
    "preflight/checks/permissions.py": "policies of IAM",
    "preflight/hold_to_plan.py": "two plan files, as JSON",
    "preflight/plan_file.py": "a plan file, as JSON, with the settings of a migration file",
    "record/anchor_check.py": "an anchor's JSON",
    "record/signature_check.py": "what stands beside a seal, as JSON",
    "record/model/base.py": "run.json, as JSON",
    "record/run_json.py": "run.json, as JSON",
    "report/render/run_index.py": "index.json",
    "schema/table_properties.py": "templates of CloudFormation",
    "surroundings/endpoints.py": "answers of AWS's services",
    "validate/canary.py": "PutItem's request",
    "validate/indexes/check.py": "Query's request and answer",
}
INSIDE = {  # of run/, which alone may read facts as they are stored
    "run/ledger.py": "facts as they are stored",
    "run/admission/parameters.py": "the environment",
    "run/sealed_ledger.py": "rows of a ledger, compared as they are stored",
    "run/secret.py": "the environment",
    "run/tables/json_column.py": "columns of JSON, read by their shape",
    "run/unfinished.py": "run.json of whatever version, as JSON",
    "run/witnesses/writers/closed_tables.py": "marks in a register, as JSON",
    "run/witnesses/writers/own_marks.py": "marks in a register, as JSON",
    "run/witnesses/source_ttl.py": "items in DynamoDB's JSON",
    "run/witnesses/writers/registration.py": "entries of a register, as JSON",
    "run/witnesses/writers/write_register.py": "entries of a register, as JSON",
}
# Dicts of numbers by name, whose members are no facts.
TALLIES = {
    "cost/actual.py": "calls by operation",
    "record/verdict.py": "steps by name",
    "report/sections/first_screen/summary.py": "calls by operation",
    "validate/reconcile.py": "counts by name",
}
FOREIGN = {"_repr_html_": "IPython's own name for what a notebook shows", "_exit": "Python's own, of its module os"}
PINNED = "unit/aws/test_private_names.py"  # holds private names of other libraries to be where they are used


@cache
def modules(folder: Path) -> dict[str, ast.Module]:
    return {
        file.relative_to(folder).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(folder.rglob("*.py"))
    }


def is_door(name: str) -> bool:
    return name in DOORS or name.split("/")[0] in BOUNDARIES


def raw_facts(tree: ast.AST) -> Iterator[str]:
    """Calls that read or write a ledger's facts without their types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEDGER_CALLS:
            owner = ast.unparse(node.func.value)
            if owner.split(".")[-1] in ("ledger", "_ledger") or owner.startswith("Ledger("):
                yield ast.unparse(node)


def members_by_name(tree: ast.AST) -> Iterator[str]:
    """`.get("name")` of something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield ast.unparse(node)


def anything(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and (text := ast.unparse(node)) in ANYTHING:
            yield f"line {node.lineno}: {text}"


def private_names(tree: ast.AST) -> Iterator[str]:
    """Private names that are imported, taken of something, or replaced by their text; a class may have its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("runbook_lib", "tests", "tools")):
            yield from (alias.name for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("setattr", "getattr", "delattr", "hasattr", "patch", "attrgetter", "methodcaller"):
                texts = (arg.value for arg in node.args if isinstance(arg, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and is_private(text.split(".")[-1]))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in FOREIGN


@pytest.mark.parametrize(
    ("look", "text", "found"),
    [
        (raw_facts, "run.ledger.get('a', 'b')", 1),
        (raw_facts, "ledger.put('a', 'b', {})\nledger.all('a')\nself.ledger.forget('a', 'b')", 3),
        (raw_facts, "Ledger(path).get('a', 'b')", 1),
        (raw_facts, "EXPORTS.all(run.ledger)\nledger.rows('x')\nknown.get('a')", 0),
        (members_by_name, "fact.get('status')\n(x or {}).get('a', 0)", 2),
        (members_by_name, "facts.get(source)\nself.get()", 0),
        (anything, "def f(a: dict[str, Any], b: Mapping[str, Any]) -> None: ...", 2),
        (anything, "def f(a: dict[str, int], b: list[Any]) -> None: ...", 0),
        (private_names, "from runbook_lib.a import _b\nx._y\npatch.setattr(m, '_z', 1)\ngetattr(x, '_w')", 4),
        (private_names, "import tests._a\nself._x\ncls._y\nx.__class__\nx._repr_html_()\n_ = 1\nf('_text')", 0),
    ],
)
def test_what_is_looked_for_is_found(look: object, text: str, found: int) -> None:
    assert callable(look)
    assert len(list(look(ast.parse(text)))) == found


def test_facts_are_read_and_written_by_their_types_outside_of_run() -> None:
    everywhere = {name: list(raw_facts(tree)) for name, tree in modules(LIBRARY).items()}
    stored = {name for name, found in everywhere.items() if found}
    assert {name for name in stored if not name.startswith("run/")} == set()
    assert stored == {"run/facts/topic.py"}


def test_members_are_asked_for_by_name_only_where_aws_or_json_is_spoken() -> None:
    found = {name: list(members_by_name(tree)) for name, tree in modules(LIBRARY).items()}
    others = {n: f for n, f in found.items() if f and not is_door(n) and not n.startswith("run/")}
    assert {name: told for name, told in others.items() if name not in TALLIES} == {}
    assert {name for name, told in found.items() if told and name.startswith("run/")} <= set(INSIDE)


def test_dicts_of_anything_stay_where_aws_or_json_is_spoken() -> None:
    found = {name: list(anything(tree)) for name, tree in modules(LIBRARY).items()}
    assert {n: f for n, f in found.items() if f and not is_door(n) and n not in INSIDE} == {}


def test_every_exception_is_needed() -> None:
    library = modules(LIBRARY)
    of = {name: [*anything(tree), *members_by_name(tree)] for name, tree in library.items()}
    assert [name for name in (*DOORS, *INSIDE, *TALLIES) if not of.get(name)] == []
    assert [p for p in BOUNDARIES if not any(n.startswith(f"{p}/") and f for n, f in of.items())] == []


def test_no_test_reaches_a_private_name() -> None:
    found = {name: list(private_names(tree)) for name, tree in modules(TESTS).items() if name != PINNED}
    assert {name: told for name, told in found.items() if told} == {}
