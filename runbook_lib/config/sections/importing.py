"""The section `import` of a migration file: how the target is written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from runbook_lib.config.section import Strict


class ImportSettings(Strict):
    """How the target is written."""

    on_non_empty: Literal["fail", "append", "overwrite", "sync"] = Field(
        default="fail",
        description="if a target already holds items: refuse; add items but replace none; replace by key; or sync, "
        "which looks up every exported key and writes only what differs, each item on a condition. All of them keep "
        "items that only the target holds",
    )
    strategy: Literal["batch_write", "import_table", "bulk_put", "auto"] = Field(
        default="batch_write",
        description="how targets are filled: by writes, by ImportTable, which creates the target, or by "
        "StartBulkPutItems, which loads an existing table; auto uses ImportTable if tables.create_missing allows it, "
        "it is possible and estimated to cost less, and a bulk put if prices.bulk_put_gb is set and makes it cheapest",
    )
    concurrency: int = Field(
        default=256, ge=1, le=1024,
        description="maximum number of requests in flight, per process; the number used adapts itself to how long "
        "answers take, and large items in flight are held to 48 MB",
    )  # fmt: skip
    tables_at_once: int = Field(
        default=8, ge=1, le=64, description="tables written side by side; they share what concurrency allows"
    )  # fmt: skip
    max_wcu: float | None = Field(
        default=None, gt=0, description="maximum write units per second for a table; default: as many as it accepts"
    )
    warm_throughput: dict[str, int] = Field(
        default_factory=dict,
        description="target table: write units per second to raise its warm throughput to before the import, with "
        "--execute; it is charged once and cannot be lowered again",
    )
    quarantine_limit: int = Field(
        default=1000, ge=0, description="rejected items of one table after which its import stops"
    )

    @model_validator(mode="after")
    def _one_way(self) -> ImportSettings:
        """What only this tool's own writes can do."""
        if self.strategy in ("import_table", "bulk_put") and self.on_non_empty in ("append", "sync"):
            raise ValueError(
                f"on_non_empty: {self.on_non_empty} and strategy: {self.strategy} cannot be combined: DynamoDB's "
                "own loaders replace whatever is under a key"
            )
        return self
