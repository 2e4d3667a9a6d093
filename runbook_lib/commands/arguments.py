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
    """The commands, which answer a word of the trade, or one that is almost such a word, with the command for it.

    None takes an option or argument that was given and is empty.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError:
            if not (near := difflib.get_close_matches(args[0], [*self.commands, *ELSEWHERE], n=1)):
                raise
            meant = ELSEWHERE.get(near[0], near[0])
            ctx.fail(f"no such command: {args[0]!r}. Did you mean: runbook {meant}?")
        if command is not None and not ctx.resilient_parsing:
            _refuse_empty(click.Context(command, parent=ctx, info_name=name), rest)
        return name, command, rest


def _refuse_empty(ctx: click.Context, arguments: list[str]) -> None:
    """Raise UsageError for what was given and says nothing: a shell's unset variable is not the default.

    It would be every table to `--tables`. What is asked for and may be answered with nothing may be given so.
    """
    given, _, order = ctx.command.make_parser(ctx).parse_args(list(arguments))
    for parameter in order:
        value = given.get(parameter.name or "")
        optional = isinstance(parameter, click.Option) and parameter.prompt and not parameter.default
        if isinstance(value, str) and not value.strip(", \t\n") and not optional:
            raise click.BadParameter(
                f"expected a value, found {value!r}; is a variable of the shell unset? Give a value or leave it out",
                ctx=ctx, param=parameter,
            )  # fmt: skip


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
