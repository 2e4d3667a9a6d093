"""Build hook: a wheel brings its own copy of the notebooks; an editable install reads those of the checkout."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelNotebooks(BuildHookInterface):
    """Adds `notebooks/` as `runbook_lib/notebooks/`, and the schema of migration files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is `editable` or `standard`."""
        if version == "standard":
            build_data["force_include"]["notebooks"] = "runbook_lib/notebooks"
            build_data["force_include"]["docs/migration.schema.json"] = "runbook_lib/migration.schema.json"
