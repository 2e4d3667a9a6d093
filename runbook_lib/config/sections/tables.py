"""The section of a migration file that says which tables move, and what they are called afterwards."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.moving.rename import Rename
from runbook_lib.config.section import Strict


class Tables(Strict):
    """Which tables move, and what they are called afterwards."""

    include: list[str] = Field(min_length=1, description="names or globs of source tables")
    exclude: list[str] = Field(default_factory=list, description="names or globs to leave out")
    rename: Rename | None = Field(default=None, description="default: the target has the source's name")
    overrides: dict[str, str] = Field(default_factory=dict, description="source name: target name")
    create_missing: bool = Field(
        default=False,
        description="create missing targets with their sources' definitions, once writing is allowed",
    )
