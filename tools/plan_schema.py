"""Write docs/plan.schema.json, the JSON Schema of a plan file, from its type: python -m tools.plan_schema"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from runbook_lib.preflight.plan_file import SCHEMA_VERSION, PlanFile

FILE = Path(__file__).resolve().parents[1] / "docs" / "plan.schema.json"
ABOUT = "What `runbook plan` writes and `runbook run --plan` holds a run to; docs/campaigns.md says what is compared."


def schema() -> dict[str, Any]:
    """The schema; every member is written."""
    made = TypeAdapter(PlanFile).json_schema(mode="serialization")
    made["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    for each in (made, *made["$defs"].values()):
        each["required"], each["additionalProperties"] = list(each["properties"]), False
    about = {"title": f"plan file, schema_version {SCHEMA_VERSION}", "description": ABOUT}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | made | about


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
