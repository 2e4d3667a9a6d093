"""The house's plan: arrows point down (contracts in pyproject.toml), one door for each foreign library."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import runbook_lib
from tools import architecture_page

ROOT = Path(runbook_lib.__file__).parent
DOORS = {
    "boto3": ("aws", "sandbox"),
    "botocore": ("aws", "sandbox"),
    "papermill": ("headless.execute_notebook",),
    "nbclient": ("headless.execute_notebook",),
    "jupyter_client": ("headless.warm_kernel",),
    "ipywidgets": ("notebook.forms",),
    "IPython": ("notebook.output",),
    "pandas": ("notebook.tables",),
    "matplotlib": ("report.render", "notebook.charts"),
    "moto": ("sandbox",),
    "sqlite3": ("run.ledger", "run.sealed_ledger", "run.ledger_schema", "run.tables.scratch"),
    "click": ("cli", "commands"),
    "pydantic": ("config", "record.model", "record.run_json"),
    "distributed": ("cluster.dask",),
}
MODULES = sorted(f for f in ROOT.rglob("*.py") if "__pycache__" not in f.parts)
CHECKOUT = ROOT.parent
TESTS = sorted(f for f in (CHECKOUT / "tests").rglob("*.py") if "__pycache__" not in f.parts)
TOOLS = sorted((CHECKOUT / "tools").glob("*.py"))
LINES, ROOMS = 300, 12


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


@cache
def imports(file: Path) -> frozenset[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return frozenset(names)


def test_arrows_point_down_and_make_no_circle() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([str(linter)], cwd=ROOT.parent, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout


def test_each_foreign_library_has_one_door() -> None:
    wrong = {
        f"{name_of(file)} imports {library}"
        for file in MODULES
        for imported in imports(file)
        if (library := imported.split(".")[0]) in DOORS
        and not any((name_of(file) + ".").startswith(door + ".") for door in DOORS[library])
    }
    assert not wrong


def test_each_door_is_used() -> None:
    users = {(imported.split(".")[0], name_of(file) + ".") for file in MODULES for imported in imports(file)}
    doors = {(library, door + ".") for library, of in DOORS.items() for door in of}
    assert {d for d in doors if not any(u[0] == d[0] and u[1].startswith(d[1]) for u in users)} == set()


def test_modules_are_small_enough_to_hold_in_the_head() -> None:
    lines = {name_of(file): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    assert {name: n for name, n in lines.items() if n > LINES} == {}


def test_no_folder_has_so_many_modules_that_nobody_finds_one() -> None:
    folders = {file.parent for file in MODULES}
    rooms = {str(f.relative_to(ROOT)): len([m for m in f.glob("*.py") if m.stem != "__init__"]) for f in folders}
    assert {folder: n for folder, n in rooms.items() if n > ROOMS} == {}


SQL = re.compile(
    r"(SELECT\b.+\bFROM|INSERT\b.*\bINTO|UPDATE\b.+\bSET|DELETE\s+FROM|CREATE\s+.*TABLE|PRAGMA)\s", re.DOTALL
)


def statements_outside_of_the_ledger(text: str) -> Iterator[str]:
    """SQL in a module, and statements that it gives to a ledger, whatever the ledger is called there."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"line {node.lineno}: SQL"
        if isinstance(node, ast.Attribute) and node.attr in ("rows", "write"):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner.strip("_") in ("ledger", "sealed"):
                yield f"line {node.lineno}: {owner}.{node.attr}"


def test_sql_has_one_house() -> None:
    outside = [file for file in MODULES if not name_of(file).startswith("run.")]
    wrong = {
        name_of(file): list(statements_outside_of_the_ledger(file.read_text(encoding="utf-8"))) for file in outside
    }
    assert {name: lines for name, lines in wrong.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        'x = "SELECT a FROM b"',
        'run.ledger.rows("x")',
        "self._ledger.write(y)",
        'ledger.write("x", [])',
        'f = "UPDATE file SET " + a',
        '"""INSERT OR REPLACE INTO\nx VALUES (1)"""',
        'db.execute(f"DELETE FROM {table}")',
        "rows = table_load.run.ledger.rows",
    ],
)
def test_sql_outside_of_its_house_is_seen(text: str) -> None:
    assert list(statements_outside_of_the_ledger(text))


def test_the_page_shows_the_packages_as_they_are() -> None:
    text = architecture_page.PAGE.read_text(encoding="utf-8")
    assert text == architecture_page.page(text), "run python -m tools.architecture_page"


def modules_named_in(file: Path) -> Iterator[str]:
    """What a file imports, also inside programs that it starts as text."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\b(?:from|import) (tests[\w.]*)", node.value)


def test_no_test_imports_a_test() -> None:
    """What tests share is in tests/support; of two tests that hang together neither can be moved or read alone."""
    wrong = {
        f"{file.relative_to(CHECKOUT)} imports {name}"
        for file in TESTS
        for name in modules_named_in(file)
        if name.startswith("tests.") and any(p == "conftest" or p.startswith("test_") for p in name.split("."))
    }
    assert not wrong


def test_tools_do_without_the_tests() -> None:
    assert not [
        f"{file.name} imports {name}"
        for file in TOOLS
        for name in modules_named_in(file)
        if name.split(".")[0] in ("tests", "pytest")
    ]


# Names that two modules still have; one that is gone from here may not come back, and no other may join them.
COMMANDS = {"cli", "__main__"}


def test_no_public_function_or_class_has_the_name_of_another() -> None:
    named: dict[str, set[str]] = {}
    for file in MODULES:
        if name_of(file) in COMMANDS:
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                named.setdefault(node.name, set()).add(name_of(file))
    assert {name: modules for name, modules in named.items() if len(modules) > 1 and name != "main"} == {}


PATH = re.compile(
    r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.(?:py|md|json))?|[a-z_0-9]+\.py)`((?: \((?:`[^`]+`(?:, | and )?)+)?)"
)


def test_each_file_and_name_that_the_page_sends_people_to_is_there() -> None:
    """A path is below the library, the checkout or the folder named before it; a name in brackets is in its file."""
    page = architecture_page.PAGE.read_text(encoding="utf-8")
    hand_written = page[: page.index("<!-- packages -->")] + page[page.index("<!-- /packages -->") :]
    missing, seen, here = [], 0, ""
    for path, names in PATH.findall(hand_written):
        places = (ROOT / path, CHECKOUT / path, ROOT / here / path, *([] if "/" in path else ROOT.rglob(path)))
        found = next((place for place in places if place.exists()), None)
        if found is None:
            missing.append(path)
            continue
        seen, here = seen + 1, path.rpartition("/")[0] or here
        text = found.read_text(encoding="utf-8") if found.is_file() else ""
        missing += [f"{path}: {name}" for name in re.findall(r"`([^`]+)`", names) if text and name not in text]
    assert missing == []
    assert seen > 80
