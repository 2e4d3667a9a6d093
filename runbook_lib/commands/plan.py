"""`runbook plan`: what a run would do, as a file to be reviewed."""

from __future__ import annotations

from pathlib import Path

import click

from runbook_lib.commands.arguments import CONFIG
from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError


@click.command()
@CONFIG
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it to FILE; default: print it.")
@click.option("--tables", default="*", metavar="GLOB", help="Source tables to move: globs, separated by commas.")
def plan(config: Path, out: Path | None, tables: str) -> int:
    """Check both sides and write what a run of CONFIG would do, for runbook run --plan; writes nothing but FILE."""
    from runbook_lib.atomic_files import write_atomically
    from runbook_lib.headless.make_plan_file import make_plan_file

    if out is not None:
        _refuse_other_file(out)
    made = make_plan_file(config, tables)
    if out is None:
        click.echo(made.text(), nl=False)
        return 0
    write_atomically(out, made.text())
    say(f"{len(made.tables):,} tables from {made.source.account}/{made.source.region} to "
        f"{made.target.account}/{made.target.region}, {len(made.warnings):,} warnings")  # fmt: skip
    say(f"plan: {out}, digest {made.digest}")
    say(f"to run it once it is reviewed: runbook run {config} --plan {out} --execute")
    return 0


def _refuse_other_file(out: Path) -> None:
    """Raise ConfigError unless a plan may be written there: nowhere over something else."""
    from runbook_lib.preflight.plan_file import read_plan

    if not out.absolute().parent.is_dir():
        raise ConfigError(f"--out: expected a file in a folder that is there, found no {out.parent}")
    if out.is_dir():
        raise ConfigError(f"--out: expected a file, found the folder {out}")
    if out.exists():
        try:
            read_plan(out)
        except ConfigError as error:
            raise ConfigError(
                f"--out: {out} is there and is no plan of this version, so it stays as it is; name another file "
                f"({error})"
            ) from None
