"""The section `export` of a migration file: how the source is read."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from runbook_lib.config.section import NAME, Strict


class ExportSettings(Strict):
    """How the source is read."""

    without_pitr: Literal["scan", "skip", "fail"] = Field(
        default="scan", description="what to do with tables without point-in-time recovery"
    )
    method: dict[str, Literal["scan", "export"]] = Field(
        default_factory=dict,
        description="names or globs of source tables: scan reads a table by Scan even if it could be exported, export "
        "never scans it; a table's name takes precedence over globs, and without_pitr decides for the others",
    )
    reuse: str | dict[str, str | Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="an earlier export instead of a new one, per source table (or one for a one-table "
        "migration): its ARN, or s3://bucket/prefix/AWSDynamoDB/ExportId/; a list is a full export followed by its "
        "incremental ones, in order",
    )
    reuse_run: str | None = Field(
        default=None,
        pattern=NAME,
        description="the id of an earlier run: its exports are used again, every table's, and nothing is exported; its "
        "sealed folder lies beside this run's",
    )
    enable_pitr: list[str] = Field(
        default_factory=list,
        description="names or globs of source tables on which to turn point-in-time recovery on at the export, with "
        "--execute: the only change ever made to a source; it is billed until you turn it off",
    )
    export_time: datetime | None = Field(
        default=None, description="the moment every export shows; default: the start of the export step"
    )
    in_flight: int = Field(default=300, ge=1, le=300, description="exports that may run at once (AWS allows 300)")
    poll_seconds: float = Field(
        default=15.0, gt=0, le=600,
        description="longest pause between two checks of AWS's progress; the first pause is at most a second",
    )  # fmt: skip
    timeout_minutes: float = Field(default=24 * 60.0, gt=0, description="when to give up waiting for AWS")
    scan_segments: int = Field(default=4, ge=1, le=1000, description="parallel segments of a Scan")
    scan_max_rcu: float | None = Field(default=None, gt=0, description="read units per second a Scan may use")

    def asked_for(self, source: str) -> str | None:
        """How `method` wants a table to be read; None where it leaves that to its recovery."""
        return min(self.fitting(source), default=None)

    def fitting(self, source: str) -> set[str]:
        """Every way that `method` asks for: the table's own name goes before globs, and these have to agree."""
        if source in self.method:
            return {self.method[source]}
        return {how for glob, how in self.method.items() if fnmatchcase(source, glob)}

    def method_of(self, source: str, *, recovered: bool) -> str:
        """How a table is read that has, or has not, point-in-time recovery: export, scan, skip or fail."""
        asked = self.asked_for(source)
        if self.reuse_run is not None:
            return "fail"
        if asked == "scan":
            return "scan"
        return "export" if recovered else "fail" if asked == "export" else self.without_pitr

    @model_validator(mode="after")
    def _nothing_is_exported(self) -> ExportSettings:
        """With another run's exports nothing is left to say of how this one exports."""
        others = {"reuse": self.reuse, "method": self.method, "enable_pitr": self.enable_pitr}
        if self.reuse_run is not None and (
            given := [name for name, value in (*others.items(), ("export_time", self.export_time)) if value]
        ):
            raise ValueError(
                f"export.reuse_run and export.{given[0]} exclude each other: a run that uses another run's exports "
                "makes none; leave one of them out"
            )
        return self

    @field_validator("export_time", mode="before")
    @classmethod
    def _timestamp(cls, value: object) -> object:
        """YAML reads a bare timestamp as a datetime and a quoted one as text; take both, with a zone."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError("a time zone is needed, for example 2026-11-23T05:00:00Z")
        return value
