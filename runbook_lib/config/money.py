"""The sections of a migration file that are about money and time."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.section import Strict


class Limits(Strict):
    """What a run may cost and take; a limit fails the gate also where the estimate is not known."""

    max_cost_usd: float | None = Field(
        default=None, gt=0, description="highest estimate in USD with which a run may continue"
    )
    max_hours: float | None = Field(
        default=None, gt=0, description="longest estimate in hours with which a run may continue"
    )


class Prices(Strict):
    """Prices in USD in place of the built-in ones, for all regions of the migration."""

    export_gb: float | None = Field(default=None, ge=0, description="Export to S3, per GB")
    import_gb: float | None = Field(default=None, ge=0, description="Import from S3, per GB")
    bulk_put_gb: float | None = Field(
        default=None, ge=0, description="a bulk put, per GB of table and indexes; there is no built-in price"
    )
    million_writes: float | None = Field(default=None, ge=0, description="on-demand write request units, per million")
    million_reads: float | None = Field(default=None, ge=0, description="on-demand read request units, per million")
    thousand_puts: float | None = Field(default=None, ge=0, description="S3 PUT requests, per thousand")
    thousand_gets: float | None = Field(default=None, ge=0, description="S3 GET requests, per thousand")
    storage_gb_month: float | None = Field(default=None, ge=0, description="S3 Standard, per GB and month")
    transfer_gb: float | None = Field(default=None, ge=0, description="transfer between regions, per GB")
    warm_write_unit: float | None = Field(
        default=None, ge=0, description="one write unit per second of warm throughput, once; there is no built-in price"
    )
