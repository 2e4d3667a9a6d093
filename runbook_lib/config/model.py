"""The migration file: what it may say, and errors that name the key, the file and the line.

Reads one YAML file and nothing else: no environment, no AWS. Credentials have no place in it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from runbook_lib.config.engine import EngineSettings as Engine
from runbook_lib.config.money import Limits, Prices
from runbook_lib.config.moving.places import Side, Staging
from runbook_lib.config.moving.transform import OWN_FOLDER, Transform
from runbook_lib.config.reading.explain import explain
from runbook_lib.config.reading.yaml_lines import LARGEST, parse
from runbook_lib.config.report import ReportSettings
from runbook_lib.config.section import NAME, Strict
from runbook_lib.config.sections.accept import Accept, Acceptable
from runbook_lib.config.sections.catch_up import CatchUp
from runbook_lib.config.sections.cut_over import CutOverSettings
from runbook_lib.config.sections.exporting import ExportSettings
from runbook_lib.config.sections.hooks import Hooks
from runbook_lib.config.sections.importing import ImportSettings
from runbook_lib.config.sections.notify import Notify
from runbook_lib.config.sections.sign import SignSettings
from runbook_lib.config.sections.tables import Tables
from runbook_lib.config.surroundings import ReferencesSettings, SurroundingsSettings
from runbook_lib.config.validation import ValidateSettings
from runbook_lib.errors import ConfigError

RULES = ("transform", "mask", "rules")  # where they stand in the file


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
        if migration.transform is not None and migration.transform.mask is not None:
            migration.transform.mask.note_lines(lambda number: lines.get((*RULES, number)))
        return migration
    except ValidationError as error:
        raise ConfigError(explain(file, lines, map(dict, error.errors()), Migration)) from None


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [row for n, inner in enumerate(value) for row in _flat(inner, f"{path}.{n}")]
    return [(path, repr(value))]
