"""The migration file: what it may say, and errors that name the key, the file and the line.

Reads one YAML file and nothing else: no environment, no AWS. Credentials have no place in it.
"""

from __future__ import annotations

import hashlib
import re
import string
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from runbook_lib.errors import ConfigError
from runbook_lib.mistakes import explain
from runbook_lib.yamlfile import parse

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"
ENDPOINT = r"^https?://[^@?#\s]+$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"


# The properties of parity.py, without the two that a target cannot differ in and still take the items.
Acceptable = Literal[
    "global indexes", "local indexes", "time to live", "stream", "billing mode", "capacity", "point-in-time recovery",
    "deletion protection", "table class", "encryption", "tags", "replicas and vector indexes", "warm throughput",
]  # fmt: skip


class Strict(BaseModel):
    """A section of the file: unknown keys and other types than the declared ones are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class Side(Strict):
    """One end of the migration: a region, reached with a profile, a role or the default credentials."""

    region: str = Field(pattern=REGION, description="AWS region of the tables")
    profile: str | None = Field(default=None, description="profile of the AWS credential chain")
    role_arn: str | None = Field(default=None, description="role to assume with those credentials")
    endpoint_url: str | None = Field(
        default=None, pattern=ENDPOINT, description="a DynamoDB-compatible server instead of AWS"
    )


class Staging(Strict):
    """The S3 place that exports are written to and read from."""

    bucket: str = Field(pattern=BUCKET, description="bucket, in any region or account")
    prefix: str = Field(default="", description="key prefix of the exports, without slashes at its ends")
    region: str = Field(pattern=REGION, description="region of the bucket")
    profile: str | None = Field(default=None, description="profile that reads the bucket; default: the target's")
    role_arn: str | None = Field(default=None, description="role that reads the bucket; default: the target's")
    endpoint_url: str | None = Field(default=None, pattern=ENDPOINT, description="an S3-compatible server")
    bucket_owner: str | None = Field(
        default=None, pattern=r"^\d{12}$", description="account that owns the bucket, where it is not the source's"
    )
    kms_key_id: str | None = Field(default=None, description="KMS key for SSE-KMS; default: AES256")

    @field_validator("prefix")
    @classmethod
    def _strip(cls, value: str) -> str:
        return value.strip("/")


class Rename(Strict):
    """How a target's name follows from its source's."""

    pattern: str = Field(description="regular expression that must match the whole source name")
    to: str = Field(description="target name, with {group} for the pattern's named groups")

    @model_validator(mode="after")
    def _groups(self) -> Rename:
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from error
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(self.to) if name is not None}
        except ValueError as error:
            raise ValueError(f"'to' is not a template: {error}") from error
        if used - groups:
            raise ValueError(f"'to' uses {sorted(used - groups)}, but pattern names only {sorted(groups)}")
        return self


class Tables(Strict):
    """Which tables move, and what they are called afterwards."""

    include: list[str] = Field(min_length=1, description="names or globs of source tables")
    exclude: list[str] = Field(default_factory=list, description="names or globs to leave out")
    rename: Rename | None = Field(default=None, description="default: the target has the source's name")
    overrides: dict[str, str] = Field(default_factory=dict, description="source name: target name")
    create_missing: bool = Field(
        default=False,
        description="create targets that do not exist, with the definitions of their sources, once writing is allowed",
    )


class Export(Strict):
    """How the source is read."""

    without_pitr: Literal["scan", "skip", "fail"] = Field(
        default="scan", description="what to do with tables that have no point-in-time recovery"
    )
    reuse: str | dict[str, str] = Field(
        default_factory=dict,
        description="an earlier export instead of a new one, per source table (or one for a one-table "
        "migration): its ARN, or s3://bucket/prefix/AWSDynamoDB/ExportId/",
    )
    enable_pitr: list[str] = Field(
        default_factory=list,
        description="names or globs of source tables on which to turn point-in-time recovery on at the export, with "
        "--execute: the only change ever made to a source, and it is paid for until you turn it off",
    )
    export_time: datetime | None = Field(
        default=None, description="the moment every export shows; default: the start of the export step"
    )
    in_flight: int = Field(default=300, ge=1, le=300, description="exports that may run at once (AWS allows 300)")
    poll_seconds: float = Field(default=15.0, gt=0, le=600, description="pause between two looks at what AWS does")
    timeout_minutes: float = Field(default=24 * 60.0, gt=0, description="when to give up waiting for AWS")
    scan_segments: int = Field(default=4, ge=1, le=1000, description="parallel segments of a Scan")
    scan_max_rcu: float | None = Field(default=None, gt=0, description="read units per second a Scan may use")

    @field_validator("export_time", mode="before")
    @classmethod
    def _timestamp(cls, value: object) -> object:
        """YAML reads a bare timestamp as a datetime and a quoted one as text; take both, with a zone."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError("a time zone is needed, for example 2026-11-23T05:00:00Z")
        return value


class Import(Strict):
    """How the target is written."""

    on_non_empty: Literal["fail", "append", "overwrite"] = Field(
        default="fail",
        description="for a target that holds items: refuse; add items but replace none; or replace by key",
    )
    strategy: Literal["batch_write", "import_table", "auto"] = Field(
        default="batch_write",
        description="how targets are filled: by writes; by ImportTable, which makes the target; or by the latter where "
        "tables.create_missing lets a target be made, ImportTable can make it and is estimated to cost less",
    )
    concurrency: int = Field(
        default=32, ge=1, le=256, description="requests in flight at most, per process; how many are used is found out"
    )
    max_wcu: float | None = Field(
        default=None, gt=0, description="write units per second that a table may be given; default: all it takes"
    )
    warm_throughput: dict[str, int] = Field(
        default_factory=dict,
        description="target table: write units per second to raise its warm throughput to before the import, with "
        "--execute; it is charged once and cannot be lowered again",
    )
    quarantine_limit: int = Field(
        default=1000, ge=0, description="rejected items of one table after which its import stops"
    )


class Validate(Strict):
    """How the target is read back."""

    segments: int = Field(default=4, ge=1, le=1000, description="parallel segments of the Scan")
    max_rcu: float | None = Field(default=None, gt=0, description="read units per second the Scan may use")
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
        default=None, gt=0, description="read units per second of the source that the drift view may use"
    )
    index_samples: int = Field(
        default=20, ge=0, le=1000, description="keys of each index that are queried in the target; 0: none"
    )
    index_wait_seconds: float = Field(
        default=20.0, ge=0, le=600, description="how long an index may lag behind before its answer is called wrong"
    )
    canary: bool = Field(
        default=False, description="write, read and delete one reserved item in each target without a stream"
    )


class Engine(Strict):
    """Where items are loaded and compared: in this process, or by the workers of a Dask cluster."""

    kind: Literal["local", "dask"] = Field(
        default="local", description="dask needs the extra `dask`: pip install 'dynamodb-migration-runbook[dask]'"
    )
    address: str | None = Field(
        default=None,
        pattern=r"^(tcp|tls|ucx|wss?)://.+",
        description="scheduler of a running cluster, tcp://HOST:8786; default: worker processes on this machine",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="worker processes; with an address, how many to wait for. Default: one per CPU; one",
    )

    @model_validator(mode="after")
    def _of_dask(self) -> Engine:
        given = [name for name in ("address", "workers") if getattr(self, name) is not None]
        if self.kind == "local" and given:
            raise ValueError(f"{' and '.join(given)}: only for kind 'dask', and kind is 'local'")
        return self


class Parity(Strict):
    """Which differences between the definitions of source and target are meant to be."""

    accept: list[Acceptable] = Field(
        default_factory=list, description="properties that may differ; the report still shows how"
    )


class Report(Strict):
    """What the run folder may show."""

    show_keys: Literal["hash", "full"] = Field(default="hash", description="keys of items as hashes, or in full")


class Limits(Strict):
    """What a run may cost and take; a limit fails the gate also where the estimate is not known."""

    max_cost_usd: float | None = Field(default=None, gt=0, description="highest estimate in USD that may go on")
    max_hours: float | None = Field(default=None, gt=0, description="longest estimate in hours that may go on")


class Prices(Strict):
    """Prices in USD in place of the built-in ones, for all regions of the migration."""

    export_gb: float | None = Field(default=None, ge=0, description="Export to S3, per GB")
    import_gb: float | None = Field(default=None, ge=0, description="Import from S3, per GB")
    million_writes: float | None = Field(default=None, ge=0, description="on-demand write request units, per million")
    million_reads: float | None = Field(default=None, ge=0, description="on-demand read request units, per million")
    thousand_puts: float | None = Field(default=None, ge=0, description="S3 PUT requests, per thousand")
    thousand_gets: float | None = Field(default=None, ge=0, description="S3 GET requests, per thousand")
    storage_gb_month: float | None = Field(default=None, ge=0, description="S3 Standard, per GB and month")
    transfer_gb: float | None = Field(default=None, ge=0, description="transfer between regions, per GB")
    warm_write_unit: float | None = Field(
        default=None, ge=0, description="one write unit per second of warm throughput, once; there is no built-in price"
    )


class Migration(Strict):
    """A migration file."""

    name: str = Field(pattern=NAME, description="names the runs; letters, digits, dot, dash, underscore")
    source: Side
    target: Side
    staging: Staging
    tables: Tables
    export: Export = Export()
    import_: Import = Field(default=Import(), alias="import")
    validate_: Validate = Field(default=Validate(), alias="validate")
    engine: Engine = Engine()
    parity: Parity = Parity()
    report: Report = Report()
    limits: Limits = Limits()
    prices: Prices = Prices()
    confirm_target: str = Field(
        default="", description='must spell the target, "ACCOUNT/REGION", before anything is written'
    )

    def fingerprint(self) -> str:
        """Digest of all that decides which items go where; rates, limits and the report may change.

        A run is resumed only with the fingerprint it was started with.
        """
        what = self.model_dump(
            mode="json",
            include={
                "source": True,
                "target": True,
                "staging": {"bucket", "prefix", "region", "endpoint_url"},
                "tables": {"include", "exclude", "rename", "overrides"},
                "export": {"without_pitr", "reuse", "export_time"},
                "import_": {"on_non_empty"},
            },
        )
        return hashlib.sha256(repr(sorted(_flat(what))).encode()).hexdigest()[:32]


def load_config(path: str | Path) -> Migration:
    """Read and check a migration file; raises ConfigError with one line per mistake."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; expected a migration file in YAML") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    data, lines = parse(file, text)
    try:
        return Migration.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(file, lines, dict(e), Migration) for e in error.errors())) from None


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [row for n, inner in enumerate(value) for row in _flat(inner, f"{path}.{n}")]
    return [(path, repr(value))]
