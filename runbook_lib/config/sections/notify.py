"""The section of a migration file that says who is told what a run came to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runbook_lib.config.section import Strict

Occasion = Literal["pass", "fail", "ready_for_cut_over"]
OCCASIONS: tuple[Occasion, ...] = ("pass", "fail", "ready_for_cut_over")


class Notify(Strict):
    """Notices of a run: its verdict, counts and a link, never keys or contents. One that fails changes nothing else."""

    on: Annotated[list[Occasion], Field(min_length=1)] = Field(
        default_factory=lambda: list(OCCASIONS), description="occasions: `pass`, `fail`, `ready_for_cut_over`"
    )
    urls_env: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable with the URLs of apprise, separated by spaces; secret, and in no file",
    )
    link: str = Field(
        default="", pattern=r"^(https?://[^@\s]+)?$",
        description="where the reports folder can be read, without credentials; a notice then links to the report",
    )  # fmt: skip
    timeout: float = Field(default=20.0, gt=0, le=120, description="seconds after which a notice is given up")
