"""The sections of a migration file about what stands around the tables."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.section import Strict


class ReferencesSettings(Strict):
    """Where to look for the names of the old tables."""

    in_preflight: bool = Field(
        default=True, description="look in the pre-flight who names the old tables, on both sides; reads only"
    )
    roles: bool = Field(
        default=False,
        description="look into the policies of all roles of the account, too: one list, which may be long",
    )
