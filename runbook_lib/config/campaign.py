"""The campaign file: which migrations run, in which waves, and what has to have passed before."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from runbook_lib.config.reading.explain import explain
from runbook_lib.config.reading.yaml_lines import LARGEST, parse
from runbook_lib.config.section import Strict
from runbook_lib.errors import ConfigError

SHORT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,46}$"


class CampaignRun(Strict):
    """One migration of a campaign."""

    id: str = Field(pattern=SHORT_NAME, description="names it; the run's id is the campaign's name, a dash, and this")
    config: str = Field(min_length=1, description="its migration file, as seen from the campaign file")
    plan: str | None = Field(default=None, description="the plan file that it has to do as it says")
    tables: str = Field(default="*", min_length=1, description="source tables to move, several globs with commas")
    after: list[str] = Field(default_factory=list, description="ids of runs before it that have to have passed")


class Wave(Strict):
    """Migrations that belong together; they run one after the other, in their order."""

    name: str = Field(min_length=1, max_length=100, description="what the page calls it")
    runs: list[CampaignRun] = Field(min_length=1, description="its migrations")


class CampaignLimits(Strict):
    """What all runs of a campaign may cost together."""

    max_cost_usd: float | None = Field(
        default=None, gt=0, description="most that all runs may cost in USD; a run that would pass it is not begun"
    )


class Campaign(Strict):
    """A campaign file."""

    _file: Path = PrivateAttr(default=Path())
    name: str = Field(pattern=SHORT_NAME, description="names the campaign, and with it its runs")
    stop_on_fail: bool = Field(
        default=True,
        description="whether nothing more is begun once a run has not passed; false: only what is `after` it is left",
    )
    limits: CampaignLimits = CampaignLimits()
    waves: list[Wave] = Field(min_length=1, description="the waves, in their order")

    @model_validator(mode="after")
    def _in_order(self) -> Campaign:
        """Each run has an id of its own, and comes after those that it waits for."""
        known: set[str] = set()
        for run in self.runs:
            if run.id in known:
                raise ValueError(f"waves: two runs are called {run.id!r}; give each an id of its own")
            if missing := [each for each in run.after if each not in known]:
                raise ValueError(
                    f"waves: {run.id}: after: expected ids of runs that come before it, found {missing[0]!r}; write "
                    "that one in an earlier place"
                )
            known.add(run.id)
        return self

    @property
    def file(self) -> Path:
        """The campaign file itself."""
        return self._file

    @property
    def runs(self) -> list[CampaignRun]:
        """All runs, in the order in which they are begun."""
        return [run for wave in self.waves for run in wave.runs]

    def run_id(self, run: CampaignRun) -> str:
        """The id of the run of a migration."""
        return f"{self.name}-{run.id}"

    def place(self, name: str) -> Path:
        """A file that the campaign file names."""
        return self._file.parent / name


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file; raises ConfigError with one line per mistake."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ConfigError(f"{path}: expected a campaign file of at most {LARGEST:,} bytes, found more")
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a campaign file in YAML; it cannot be read: {error}") from None
    data, lines = parse(path, text)
    try:
        campaign = Campaign.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(path, lines, map(dict, error.errors()), Campaign)) from None
    campaign._file = path
    return campaign
