"""The section of a migration file that says how a target is read back."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.section import Strict


class ValidateSettings(Strict):
    """How the target is read back."""

    segments: int | None = Field(
        default=None, ge=1, le=1000,
        description="parallel segments of the Scan; 4 where nothing is given, fewer for a table of less than 4 MB",
    )  # fmt: skip
    tables_at_once: int = Field(
        default=8, ge=1, le=64, description="tables compared side by side; one after another by workers of a cluster"
    )
    processes: int | None = Field(
        default=None, ge=1, le=64,
        description="worker processes on this machine that read both sides of tables of 100 MB or 250,000 items and "
        "more, transform their exports, and read and transform windows of 100,000 changes and more; default one for "
        "each CPU, 8 at most; 1: this process does it",
    )  # fmt: skip
    max_rcu: float | None = Field(
        default=None, gt=0, description="read units per second that the Scans of all tables together may use"
    )
    max_differences: int = Field(default=1000, ge=0, description="differences listed one by one in the run folder")
    without_import: bool = Field(
        default=False,
        description="compare tables that something else has filled: a target may hold items before this run, "
        "and is compared even after a dry run of the import",
    )
    drift: bool = Field(
        default=False, description="also compare the target with the live source, for information; reads the source"
    )
    drift_max_rcu: float | None = Field(
        default=None, gt=0, description="read units per second that the drift view may use of all sources together"
    )
    index_samples: int = Field(
        default=20, ge=0, le=1000, description="number of keys of each index to query in the target; 0: none"
    )
    index_wait_seconds: float = Field(
        default=20.0, ge=0, le=600, description="how long an index may lag before its answer counts as wrong"
    )
    canary: bool = Field(
        default=False, description="write, read and delete one reserved item in each target without a stream"
    )
