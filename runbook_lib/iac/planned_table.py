"""One table of a migration as its policies have to know it."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.plan.reuse import Reuse


@dataclass(frozen=True, slots=True)
class TablePermissions:
    """One table's part: `method` is export, scan, reuse, skip or fail; the keys are KMS keys of the tables.

    `recovery` says that export.enable_pitr has point-in-time recovery turned on first. `source_arn` is None for
    a table that only an earlier export still has.
    """

    source: str
    source_arn: str | None
    target_arn: str
    method: str
    reuse: Reuse | None = None
    source_key: str | None = None
    target_key: str | None = None
    recovery: bool = False

    @property
    def exported(self) -> bool:
        """Whether AWS exports it; the way on from `fail` is to turn recovery on, and then it does."""
        return self.method in ("export", "fail") or self.recovery

    @property
    def followed(self) -> bool:
        """Whether it could be caught up with: it has the moment of an export to go on from."""
        return self.exported or self.method == "reuse"

    @property
    def migrated(self) -> bool:
        return self.method != "skip" or self.recovery
