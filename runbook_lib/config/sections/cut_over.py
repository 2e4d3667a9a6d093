"""The section of a migration file that says how the targets take the place of the sources."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from runbook_lib.config.section import Strict


class CutOverSettings(Strict):
    """How long the writers may stand still, and what has to be proved meanwhile."""

    max_freeze_minutes: float = Field(
        default=30.0,
        gt=0,
        le=1440,
        description="how long the writers may be stopped, according to the forecast",
    )
    proof: Literal["overlay", "full_export"] = Field(
        default="full_export",
        description="what the targets are compared with: the full export with the windows laid over it, or also a "
        "second full export at the end of the last window, which does not depend on the windows",
    )
    leave_out: list[str] = Field(
        default_factory=list,
        description="names or globs of source tables that were read by Scan and are not written to, although this "
        "cannot be proved, or that were skipped and stay at the source; they are shown on the first screen of the "
        "report",
    )
