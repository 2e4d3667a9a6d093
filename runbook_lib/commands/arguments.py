"""What is typed: words for commands, and a run's folder or a file in it as the tool prints it: `reports/RUN_ID/...`."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from runbook_lib.paths import REPORTS, reports_root

# Words that people try for what a command of another name does.
ELSEWHERE = {
    "apply": "run --execute", "check": "plan", "compare": "run --from validate", "copy": "run --execute",
    "cutover": "cut-over", "delete": "cleanup", "diff": "drift", "doctor": "plan", "estimate": "plan",
    "export": "run --only export", "import": "run --only import", "migrate": "run --execute", "ls": "list",
    "new": "init", "notebook": "lab", "preflight": "plan", "report": "run --only report", "resume": "run --run-id",
    "show": "status", "start": "run", "undo": "rollback", "validate": "run --from validate",
}  # fmt: skip


class Commands(click.Group):
    """The commands, which answer a word of the trade, or one that is almost such a word, with the command for it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if not (near := difflib.get_close_matches(args[0], [*self.commands, *ELSEWHERE], n=1)):
                raise
            meant = ELSEWHERE.get(near[0], near[0])
            ctx.fail(f"no such command: {args[0]!r}. Did you mean: runbook {meant}?")


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


class RunFolder(RunPath):
    """The same for a run's folder, which may also be called by the run's id alone."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx)
        named = len(path.parts) == 1 and not path.exists() and (reports_root() / path).is_dir()
        return reports_root() / path if named else path


class RunId(click.ParamType[str]):
    """The name of a run's folder; a shell completes those that are there, which reads none of them."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from runbook_lib.record.run_json import RUN_JSON
        from runbook_lib.run.sealed.seal import LEDGER

        try:
            found = [f for f in reports_root().iterdir() if f.name.startswith(incomplete)]
            return [CompletionItem(f.name) for f in sorted(found) if (f / LEDGER).exists() or (f / RUN_JSON).exists()]
        except OSError:
            return []


RUN_ID = RunId()
CONFIG = click.argument("config", type=RunPath())
