"""docs/migration.schema.json, the JSON Schema of a migration file for editors, from its model."""

from __future__ import annotations

import json
from typing import Any

from runbook_lib.config.model import Migration
from runbook_lib.paths import checkout

HERE = checkout()
assert HERE is not None
FILE = HERE / "docs" / "migration.schema.json"
ABOUT = (
    "A migration file of runbook. What stands here is checked by an editor; `runbook run` checks more, for example "
    "that patterns are regular expressions and that ids of checks exist."
)


def schema() -> dict[str, Any]:
    """The schema, with the names of keys as a file spells them."""
    made = Migration.model_json_schema(by_alias=True)
    plain: dict[str, Any] = _plain(made)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "migration.yaml",
        **plain,
        "description": ABOUT,
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any, *, names: bool = False) -> Any:
    """Without the titles that pydantic makes of names; what `properties` and `$defs` hold are names themselves."""
    if isinstance(value, dict):
        kept = value if names else {n: v for n, v in value.items() if n != "title"}
        return {n: _plain(v, names=not names and n in ("properties", "$defs")) for n, v in kept.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
