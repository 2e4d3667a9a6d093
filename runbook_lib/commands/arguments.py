"""Arguments that name a run's folder or a file in it, as the tool prints them: `reports/RUN_ID/...`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from runbook_lib.paths import REPORTS, reports_root


class RunPath(click.Path):
    """A path; one under `reports/` that is not there is looked for where the runs are, so that a printed command works.

    A report never says where a machine keeps its runs (RUNBOOK_REPORTS, or another folder than this one).
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.parts[:1] != (REPORTS,) or path.exists():
            return path
        elsewhere = reports_root().joinpath(*path.parts[1:])
        return elsewhere if elsewhere.exists() else path


CONFIG = click.argument("config", type=RunPath())
