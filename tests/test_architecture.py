"""The house's plan: imports point downward, and each foreign library has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import runbook_lib

ROOT = Path(runbook_lib.__file__).parent
DOORS = {
    "boto3": {"aws", "sandbox"},
    "botocore": {"aws", "sandbox"},
    "papermill": {"execute"},
    "nbclient": {"execute"},
    "ipywidgets": {"widgets"},
    "IPython": {"progress"},
    "pandas": {"present"},
    "matplotlib": {"charts"},
    "moto": {"sandbox"},
    "sqlite3": {"ledger", "sealed_ledger"},
    "click": {"cli"},
    "pydantic": {"config", "engine_settings", "money", "strict", "working"},
    "distributed": {"cluster"},
    "dask": {"cluster"},
}
# From the top of the house to its ground; a module may import only from layers below its own.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"sandbox"},
    {"runner"},
    {"execute"},
    {"reporting", "proof", "present", "widgets", "progress", "log_lines"},
    {"gates", "publish"},
    {"spending"},
    {"index", "schema"},
    {"since", "comment", "neighbours"},
    {"report"},
    {"charts", "checklist", "story", "bill", "checked", "undo"},
    {"findings"},
    {"notable"},
    {"unknowns"},
    {"definition_findings", "sums", "trust", "timings"},
    {"wording", "evidence", "cdk_app", "autoscaling", "throttling"},
    {"record"},
    {"judgement"},
    {"unchecked"},
    {"importer", "validate", "export", "cleanup"},
    {"table_import", "first_write"},
    {"creation", "register", "held_before", "undoing"},
    {"warming", "recovery"},
    {"dispatch", "census"},
    {"loading", "scan_export", "canary"},
    {"preflight", "drift"},
    {"look_alike", "sides"},
    {"attempt", "engine"},
    {"cluster", "sending", "crew"},
    {"grants"},
    {"turns", "before", "expiry", "keep_plan"},
    {"run", "watermark"},
    {"sitting", "acting", "consumed"},
    {"admission", "provenance"},
    {"checks"},
    {"policy", "strategy"},
    {"plan", "properties"},
    {"parity", "index_queries", "reuse", "advice"},
    {"whole", "recount"},
    {"index_sample", "estimate"},
    {"appending", "statements", "prices", "measure", "spent", "pace", "parity_words"},
    {"compare", "batch", "units", "scan", "datafile", "tally", "counted", "run_secret", "sealed_ledger"},
    {"differences", "lookup", "buckets", "manifest", "layout", "rate", "ledger", "capacity", "budget", "unquoted"},
    {"fields", "item_rules"},
    {"aws"},
    {"config", "items", "keyed"},
    {"mistakes", "unfinished", "money", "working", "engine_settings"},
    {"strict"},
    {"yamlfile", "instant", "verdict", "markdown"},
    {"durable", "waiting"},
    {"errors", "moments", "check_ids", "paths"},
]


def modules() -> Iterator[tuple[str, Path]]:
    for file in ROOT.rglob("*.py"):
        name = file.relative_to(ROOT).parts[0].removesuffix(".py")
        if name != "__init__":
            yield name, file


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(name: str) -> int:
    return next(depth for depth, layer in enumerate(LAYERS) if name in layer)


def test_every_module_has_its_place() -> None:
    assert {name for name, _ in modules()} == set().union(*LAYERS)


def test_imports_point_downward() -> None:
    wrong = set()
    for name, file in modules():
        for imported in imports(file):
            parts = imported.split(".")
            below = parts[1] if parts[0] == "runbook_lib" and len(parts) > 1 else name
            known = below in set().union(*LAYERS)
            if known and below != name and level(below) <= level(name):
                wrong.add(f"{name} imports {below}")
    # The sandbox's own modules and the product's meet only in `migration`, which the command line starts.
    assert not {w for w in wrong if not w.startswith("sandbox imports runner")}


def test_each_foreign_library_has_one_door() -> None:
    wrong = {
        f"{name} imports {library}"
        for name, file in modules()
        for imported in imports(file)
        if (library := imported.split(".")[0]) in DOORS and name not in DOORS[library]
    }
    assert not wrong


def test_modules_are_small_enough_to_hold_in_the_head() -> None:
    long = {
        f"{file.relative_to(ROOT)}: {n}" for _, file in modules() if (n := len(file.read_text().splitlines())) > 320
    }
    assert not long
