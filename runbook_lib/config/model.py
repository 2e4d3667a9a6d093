"""The migration file: what it may say, and errors that name the key, the file and the line.

Reads one YAML file and nothing else: no environment, no AWS. Credentials have no place in it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from runbook_lib.config.engine import EngineSettings as Engine
from runbook_lib.config.money import Limits, Prices
from runbook_lib.config.moving.places import Side, Staging
from runbook_lib.config.moving.rename import Rename
from runbook_lib.config.moving.transform import OWN_FOLDER, Transform
from runbook_lib.config.reading.explain import explain
from runbook_lib.config.reading.yaml_lines import LARGEST, parse
from runbook_lib.config.report import ReportSettings
from runbook_lib.config.section import Strict
from runbook_lib.config.sections.accept import Accept, Acceptable
from runbook_lib.config.sections.catch_up import CatchUp
from runbook_lib.config.sections.cut_over import CutOverSettings
from runbook_lib.config.sections.hooks import Hooks
from runbook_lib.config.sections.notify import Notify
from runbook_lib.config.sections.sign import SignSettings
from runbook_lib.config.surroundings import ReferencesSettings, SurroundingsSettings
from runbook_lib.config.validation import ValidateSettings
from runbook_lib.errors import ConfigError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Tables(Strict):
    """Which tables move, and what they are called afterwards."""

    include: list[str] = Field(min_length=1, description="names or globs of source tables")
    exclude: list[str] = Field(default_factory=list, description="names or globs to leave out")
    rename: Rename | None = Field(default=None, description="default: the target has the source's name")
    overrides: dict[str, str] = Field(default_factory=dict, description="source name: target name")
    create_missing: bool = Field(
        default=False,
        description="create missing targets with their sources' definitions, once writing is allowed",
    )


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


class ParitySettings(Strict):
    """Which differences between the definitions of source and target are meant to be."""

    accept: list[Acceptable] = Field(
        default_factory=list, description="properties that may differ; the report still shows the differences"
    )


class Migration(Strict):
    """A migration file."""

    _folder: Path = PrivateAttr(default=Path())
    name: str = Field(pattern=NAME, description="names the runs; letters, digits, dot, dash, underscore")
    source: Side
    target: Side
    staging: Staging
    tables: Tables
    export: ExportSettings = ExportSettings()
    transform: Transform | None = Field(
        default=None, description="what becomes of items between export and import: docs/masking.md"
    )
    import_: ImportSettings = Field(default=ImportSettings(), alias="import")
    catch_up: CatchUp = CatchUp()
    cut_over: CutOverSettings = CutOverSettings()
    hooks: Hooks = Hooks()
    validate_: ValidateSettings = Field(default=ValidateSettings(), alias="validate")
    engine: Engine = Engine()
    parity: ParitySettings = ParitySettings()
    accept: Accept = Accept()
    references: ReferencesSettings = ReferencesSettings()
    surroundings: SurroundingsSettings = SurroundingsSettings()
    report: ReportSettings = ReportSettings()
    notify: Notify | None = Field(default=None, description="who is told what a run came to: docs/ci.md")
    sign: SignSettings | None = Field(default=None, description="who signs the seal of each run: docs/campaigns.md")
    limits: Limits = Limits()
    prices: Prices = Prices()
    confirm_target: str = Field(
        default="", description='must spell the target, "ACCOUNT/REGION", before anything is written'
    )

    @model_validator(mode="after")
    def _masks(self) -> Migration:
        """What would let raw items past a transform, or leave one of which nobody knows what it had been made into."""
        self.catch_up.refuse_others(transform=self.transform is not None, chain=has_chain(self))
        if self.transform is not None and self.validate_.drift:
            raise ValueError(
                "validate.drift and transform cannot be combined: it compares with the raw source; use runbook drift, "
                "which transforms what it reads"
            )
        return self

    @property
    def folder(self) -> Path:
        """Where the file lies, and what it names by relative paths."""
        return self._folder

    @property
    def target_staging(self) -> Staging:
        """Where what the target's side reads lies: with a transform the derived exports, else the exports."""
        if self.transform is None:
            return self.staging
        own = "/".join(filter(None, [self.staging.prefix, OWN_FOLDER]))
        nobody = {"prefix": own, "profile": None, "role_arn": None}
        return self.transform.staging or self.staging.model_copy(update=nobody)

    def fingerprint(self) -> str:
        """Digest of all that decides which items go where; rates, limits and the report may change.

        A run is resumed only with the fingerprint it was started with.
        """
        other_run = {"reuse_run"} if self.export.reuse_run else set()
        what = self.model_dump(
            mode="json",
            include={
                "source": True,
                "target": True,
                "staging": {"bucket", "prefix", "region", "endpoint_url"},
                "tables": {"include", "exclude", "rename", "overrides"},
                "export": {"without_pitr", "method", "reuse", "export_time"} | other_run,
                "import_": {"on_non_empty"},
                **({"transform": True} if self.transform else {}),
            },
        )
        return hashlib.sha256(repr(sorted(_flat(what))).encode()).hexdigest()[:32]


def has_chain(migration: Migration) -> bool:
    """Whether an export that was made earlier comes with windows."""
    reuse = migration.export.reuse
    return isinstance(reuse, dict) and any(isinstance(value, list) and len(value) > 1 for value in reuse.values())


def load_config(path: str | Path) -> Migration:
    """Read and check a migration file; raises ConfigError with one line per mistake."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ConfigError(f"{file}: expected a migration file of at most {LARGEST:,} bytes, found more")
        text = raw.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; expected a migration file in YAML") from None
    except (OSError, UnicodeDecodeError) as error:
        told = "it is a folder" if file.is_dir() else str(error)
        raise ConfigError(f"{file}: cannot be read as UTF-8 text: {told}") from error
    data, lines = parse(file, text)
    try:
        migration = Migration.model_validate(data)
        migration._folder = file.parent
        return migration
    except ValidationError as error:
        raise ConfigError("\n".join(explain(file, lines, dict(e), Migration) for e in error.errors())) from None


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [row for n, inner in enumerate(value) for row in _flat(inner, f"{path}.{n}")]
    return [(path, repr(value))]
