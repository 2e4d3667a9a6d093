"""The section of a migration file that says what is left of a run for people."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from runbook_lib.config.section import Strict


class ReportSettings(Strict):
    """What the run folder may show, and what its seal is anchored in."""

    show_keys: Literal["hash", "full"] = Field(default="hash", description="show item keys as hashes, or in full")
    anchor: Literal["s3"] | None = Field(
        default=None,
        description="s3 stores the digest of each seal in the staging bucket under Object Lock, if the bucket has it",
    )
    anchor_days: int | None = Field(
        default=None, ge=1, le=36_500,
        description="days for which no one can remove an anchor (COMPLIANCE); default: the bucket's default retention",
    )  # fmt: skip

    @model_validator(mode="after")
    def _days_of_an_anchor(self) -> ReportSettings:
        if self.anchor_days is not None and self.anchor is None:
            raise ValueError("anchor_days is for how long an anchor is held, and none is asked for; add anchor: s3")
        return self
