"""The section of a migration file that says how a table that is written to meanwhile is caught up with."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from runbook_lib.config.section import Strict

NEEDS_OLD_IMAGES = (
    "catch_up.view should be NEW_AND_OLD_IMAGES with a transform and is NEW_IMAGE: only the old image of a change says "
    "which items had been made of it"
)


class CatchUp(Strict):
    """How what was written to a source since its export is brought to the target."""

    by: Literal["windows", "streams"] = Field(
        default="windows",
        description="where the changes come from: incremental exports, or the sources' streams, which have to be on "
        "already, with NEW_AND_OLD_IMAGES, and are never turned on",
    )
    view: Literal["NEW_AND_OLD_IMAGES", "NEW_IMAGE"] = Field(
        default="NEW_AND_OLD_IMAGES",
        description="images in the windows; with both, each change also proves the previous one",
    )
    window_minutes: int = Field(default=60, ge=15, le=1440, description="longest period that a window covers")
    margin_seconds: int = Field(
        default=120,
        ge=0,
        le=3600,
        description="minimum time between the end of a window and the source's latest restorable time",
    )
    quiet_seconds: float = Field(
        default=60.0,
        ge=0,
        le=600,
        description="pause before the next window after a kill or a broken connection: a request may still arrive",
    )
    settle_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="with streams: pause past the end of a window before the streams are read up to it, as a record "
        "appears a little after its write",
    )
    proof: Literal["overlay", "full_export"] = Field(
        default="overlay",
        description="what the target is compared with: the full export with the windows laid over it, or also a second "
        "full export at the end of the last window",
    )
    accept_gaps: list[str] = Field(
        default_factory=list,
        description='periods, "FROM/TO", that no export covers and in which nothing was written; they are shown '
        "on the first screen of the report",
    )

    @field_validator("accept_gaps")
    @classmethod
    def _spans(cls, gaps: list[str]) -> list[str]:
        for gap in gaps:
            start, end = span_of(gap)
            if start >= end:
                raise ValueError(f"{gap!r} should end after it begins")
        return gaps

    @model_validator(mode="after")
    def _of_streams(self) -> CatchUp:
        """What has a meaning for windows only."""
        if self.by == "streams":
            if self.view != "NEW_AND_OLD_IMAGES":
                raise ValueError(
                    f"catch_up.by: streams and catch_up.view: {self.view} cannot be combined: take view out"
                )
            if self.proof != "overlay":
                raise ValueError(
                    "catch_up.by: streams and catch_up.proof: full_export cannot be combined: a stream is cut at "
                    "positions and not at one moment; cut_over.proof: full_export can, as nobody writes by then"
                )
            if self.accept_gaps:
                raise ValueError(
                    "catch_up.by: streams and catch_up.accept_gaps cannot be combined: a stream has no gap"
                )
        return self

    def refuse_others(self, *, transform: bool, chain: bool) -> None:
        """Raise ValueError for what does not go with a transform, or with a chain of exports made earlier."""
        if self.by == "streams" and (transform or chain):
            raise ValueError(
                "catch_up.by: streams and a transform, or windows in export.reuse, cannot be combined yet: take one out"
            )
        if self.proof != "overlay" and chain:
            raise ValueError(
                f"catch_up.proof: {self.proof} and windows in export.reuse cannot be combined: a run with a chain that "
                "was made earlier asks for no export; take proof out, or the windows out of export.reuse, and catch up "
                "with windows of the run's own"
            )
        if transform and chain and self.view != "NEW_AND_OLD_IMAGES":
            raise ValueError(NEEDS_OLD_IMAGES)

    @property
    def gaps(self) -> list[tuple[datetime, datetime]]:
        """The accepted stretches of time."""
        return [span_of(gap) for gap in self.accept_gaps]


def span_of(text: str) -> tuple[datetime, datetime]:
    """Both ends of `FROM/TO`; raises ValueError for anything else."""
    try:
        start, end = (datetime.fromisoformat(part) for part in text.split("/"))
    except ValueError:
        start = end = datetime.min
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError(
            f'a stretch of time is spelled "FROM/TO" with zones, like "2026-01-14T10:18:50.622Z/2026-01-14T10:20:00Z", '
            f"not {text!r}"
        )
    return start, end
