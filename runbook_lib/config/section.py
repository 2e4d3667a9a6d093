"""What every section of a migration file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  # of a migration, a run, a campaign: it is part of paths


class Strict(BaseModel):
    """A section of the file: unknown keys and other types than the declared ones are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)
