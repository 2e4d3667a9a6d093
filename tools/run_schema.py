"""Write docs/run.schema.json, the JSON Schema of `run.json`, from its model: python -m tools.run_schema"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runbook_lib.record.run_json import SCHEMA_VERSION, RunRecord

FILE = Path(__file__).resolve().parents[1] / "docs" / "run.schema.json"
ABOUT = (
    "The record of a run. Members are only added; a number that was not measured is null and never 0. This version "
    "writes every member, an earlier one may lack some."
)


def schema() -> dict[str, Any]:
    """The schema of what this version writes: every member, without the defaults of reading."""
    made = RunRecord.model_json_schema(mode="serialization")
    plain: dict[str, Any] = _without(made, "title", "default")
    plain["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    _require_all(plain)
    for each in plain["$defs"].values():
        _require_all(each)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"run.json, schema_version {SCHEMA_VERSION}",
        **plain,
        "description": ABOUT,
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _require_all(section: dict[str, Any]) -> None:
    section["required"] = list(section["properties"])


def _without(value: Any, *names: str, of: str = "") -> Any:
    """JSON without these members; what `properties` and `$defs` hold are names of their own."""
    if isinstance(value, dict):
        value = _in_short(value)
        kept = value if of in ("properties", "$defs") else {n: v for n, v in value.items() if n not in names}
        return {n: _without(v, *names, of="" if of in ("properties", "$defs") else n) for n, v in kept.items()}
    return [_without(v, *names) for v in value] if isinstance(value, list) else value


def _in_short(value: dict[str, Any]) -> dict[str, Any]:
    """A type or null, in one member instead of two schemas."""
    match value:
        case {"anyOf": [{"type": str(one)} as first, {"type": "null"}]}:
            known = {n: v for n, v in value.items() if n != "anyOf"} | first | {"type": [one, "null"]}
            return known | ({"enum": [*first["enum"], None]} if "enum" in first else {})
    return value


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
