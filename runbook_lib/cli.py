"""The command line: a thin layer that turns arguments into calls and outcomes into exit codes.

0 PASS or DRY-RUN, 1 FAIL, 2 usage or configuration error before anything ran, 130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID, Commands, RunFolder, RunPath
from runbook_lib.commands.around.surroundings import surroundings
from runbook_lib.commands.campaign import campaign
from runbook_lib.commands.conformance import conformance
from runbook_lib.commands.demo import demo
from runbook_lib.commands.init import init
from runbook_lib.commands.live.cut_over import check_confirmed, cut_over_command
from runbook_lib.commands.live.drift import drift
from runbook_lib.commands.mask import mask
from runbook_lib.commands.output import Output, output_options, say
from runbook_lib.commands.plan import plan
from runbook_lib.commands.repair import repair
from runbook_lib.commands.rollback import rollback
from runbook_lib.commands.runs import list_runs, status
from runbook_lib.errors import ConfigError, Interrupted, ResumeRefused, RunbookError
from runbook_lib.garbage import look_seldom
from runbook_lib.open_files import go_on_unheard, make_room
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.run.steps import STEPS, with_transform
from runbook_lib.version import __version__

UNQUOTED = "A glob needs quotes, or the shell puts names of files in its place: --tables 'orders-*'"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runbook")
def cli() -> None:
    """Move DynamoDB tables to another region, account or name, and prove that nothing was lost."""


for command in (
    campaign, conformance, cut_over_command, demo, drift, init, list_runs, mask, plan, repair, rollback, status,
    surroundings,
):  # fmt: skip
    cli.add_command(command)


@cli.command()
@CONFIG
@click.option("--run-id", type=RUN_ID, default="", help="Name of the run's folder; an existing one is resumed.")
@click.option("--only", type=click.Choice(with_transform(STEPS)), help="Run only this step.")
@click.option("--from", "start_at", type=click.Choice(with_transform(STEPS)), help="Run this step and all later ones.")
@click.option("--tables", default="", metavar="GLOB",
              help="Source tables to move: globs, separated by commas; fixed at the run's first start.")  # fmt: skip
@click.option("--plan", type=click.Path(path_type=Path), metavar="FILE",
              help="Do what this file of runbook plan says, or refuse before anything is done.")  # fmt: skip
@click.option("--execute", is_flag=True, help="Write to the target; without it, nothing is written there.")
@output_options
def run(
    config: Path, run_id: str, only: str | None, start_at: str | None, tables: str, plan: Path | None, execute: bool,
    **output: Any,
) -> int:  # fmt: skip
    """Run the notebooks of the migration CONFIG with papermill."""
    from runbook_lib.config.model import load_config
    from runbook_lib.headless.early_kernel import early_kernel

    load_config(config)
    make_room()  # before the kernel starts, which inherits it
    with early_kernel() as kernel:
        from runbook_lib.headless.runner import Request, run_notebooks

        out = Output(**output)
        request = Request(config, run_id, only, start_at, tables, execute, plan=plan, kernel=kernel, after=out.step)
        return out.conclude(run_notebooks(request, out.say))


@cli.command("catch-up")
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run whose tables are caught up with.")
@click.option("--until-lag", default="", metavar="25m",
              help="Wait until the lag is no longer than this; default: apply what is available now.")  # fmt: skip
@click.option("--execute", is_flag=True, help="Write to the target; without it, nothing is requested or written.")
@click.option("--confirm", default="", metavar="RUN_ID", help="The run's id again, to allow writing.")
@output_options
def catch_up(config: Path, run_id: str, until_lag: str, execute: bool, confirm: str, **output: Any) -> int:
    """Apply changes made to the sources since the export to the targets, and prove the result."""
    from runbook_lib.headless.runner import Request, run_notebooks

    check_confirmed(run_id, confirm, execute=execute)
    minutes, out = minutes_of(until_lag), Output(**output)
    asked = Request(config, run_id, execute=execute, catch_up=True, until_lag_minutes=minutes, after=out.step)
    return out.conclude(run_notebooks(asked, out.say))


def minutes_of(text: str) -> float:
    """The minutes of `25m`, `90s` or `2h`; 0 for nothing. Raises ConfigError for anything else."""
    if not text:
        return 0.0
    number, unit = text[:-1], {"s": 1 / 60, "m": 1.0, "h": 60.0}.get(text[-1:])
    if unit is None or not number.isdecimal() or not number.isascii() or int(number) == 0:
        raise ConfigError(f"--until-lag: expected a length of time like 25m, 90s or 2h, found {text!r}")
    return int(number) * unit


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; default: a free one.")
@click.option("--scale", type=click.FloatRange(0, 10, min_open=True), default=0.05, show_default=True,
              help="Size of the source tables, 1 being the reference fleet's.")  # fmt: skip
@click.option("--migration", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the demo's migration file to FILE; another file is not overwritten.")  # fmt: skip
def sandbox(port: int, scale: float, migration: Path | None) -> int:
    """Run the AWS emulator with the demo's source tables until interrupted."""
    from runbook_lib.sandbox.demo.run import stay_up

    stay_up(port, scale, say, migration)
    return 0


@cli.command()
@CONFIG
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def lab(config: Path, no_browser: bool) -> int:
    """Open copies of the notebooks for the migration CONFIG in JupyterLab."""
    from runbook_lib.notebook.lab import open_lab

    return open_lab(config, os.environ, say, browser=not no_browser)


@cli.command()
@click.argument("run_dir", type=RunFolder())
@click.option("--config", type=RunPath(), metavar="CONFIG",
              help="Your own migration file; also check the seal against its anchor in that bucket.")  # fmt: skip
@click.option("--signed-by", metavar="FINGERPRINT", help="The key that has to have signed the seal, or its PEM file.")
@click.option("--kms", is_flag=True, help="Ask KMS about the signature, too, for the key that CONFIG names.")
@click.option("--run-id", type=RUN_ID, help="The run expected in RUN_DIR, if the folder has another name.")
def verify(run_dir: Path, config: Path | None, signed_by: str | None, kms: bool, run_id: str | None) -> int:
    """Recompute the digests of RUN_DIR and regenerate its pages; exit 1 if anything changed or it is another run.

    RUN_DIR is a run's folder, or the id of a run in the reports folder.
    """
    from runbook_lib.report.proof import SEAL_MEANS, prove

    proof = prove(run_dir, config, signed_by=signed_by, by_kms=kms, run_id=run_id)
    sealed = f"{proof.files} files of {run_dir} are as they were sealed; the verdict in them is {proof.verdict}"
    whose = f"They are those of the run {proof.run_id} of the migration {proof.name}"
    for text in (sealed, whose, str(proof), proof.anchor, proof.signature, SEAL_MEANS):
        click.echo(visible(text))
    return 0


@cli.command()
@CONFIG
@click.option(
    "--format", "form", type=click.Choice(["cloudformation", "cdk"]), default="cloudformation", show_default=True
)
def schema(config: Path, form: str) -> int:
    """Print the source's table definitions, renamed, as infrastructure code."""
    from runbook_lib.iac.cloudformation import schema_of

    click.echo(schema_of(config, form), nl=False)
    return 0


@cli.command()
@CONFIG
@click.option("--format", "form", type=click.Choice(["md", "json"]), default="md", show_default=True)
@click.option("--roles", is_flag=True, help="Also search the policies of the account's roles.")
def references(config: Path, form: str, roles: bool) -> int:
    """List what refers to the source tables, on both sides: names of variables, never their values."""
    from runbook_lib.references.listing import references_of

    click.echo(references_of(config, form, roles=roles), nl=False)
    return 0


@cli.command()
@CONFIG
def policy(config: Path) -> int:
    """Print least-privilege IAM policies, one for the source role and one for the target role."""
    from runbook_lib.iac.iam_policy import policies_of

    click.echo(policies_of(config), nl=False)
    return 0


@cli.command()
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run to clean up after.")
@click.option("--tables", default="", metavar="GLOB", help="Source tables to act on: globs, separated by commas.")
@click.option("--execute", is_flag=True, help="Remove; without it, nothing is removed.")
@click.option("--confirm", default="", metavar="RUN_ID", help="The run's id again, to allow removing.")
def cleanup(config: Path, run_id: str, tables: str, execute: bool, confirm: str) -> int:
    """Remove what a run created, and nothing else: tables, items, staging objects."""
    from runbook_lib.report.step import clean_up_run

    return clean_up_run(config, run_id, tables, execute, confirm, say)


def _with_place(error: OSError) -> str:
    """What the system says, with the place: a full disk names no file where one was open already."""
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        from runbook_lib.paths import reports_root

        return f"{error} below {reports_root()}"
    return str(error)


def main() -> None:
    """Run the command line and exit with its code."""
    go_on_unheard()
    look_seldom()
    code = run_cli(sys.argv[1:])
    gc.freeze()  # what is left goes with the process and need not be looked through once more
    sys.exit(code)


def run_cli(arguments: list[str], command: Callable[..., Any] = cli.main) -> int:
    """Run one command; returns its exit code."""
    try:
        return int(command(arguments, prog_name="runbook", standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.UsageError) and "unexpected extra argument" in error.message:
            click.echo(UNQUOTED, err=True)
        return 2
    except (ConfigError, ResumeRefused) as error:
        click.echo(f"error: {visible(str(error))}", err=True)
        return 2
    except RunbookError as error:
        click.echo(f"error: {visible(str(error))}", err=True)
        return 1
    except OSError as error:
        click.echo(
            f"error: {_with_place(error)}; what the ledger holds is not lost, run again with the same run id", err=True
        )
        return 1
    except (KeyboardInterrupt, click.Abort) as stopped:
        if isinstance(stopped.__context__, EOFError):  # a question that nobody is there to answer
            click.echo("\nerror: the input ended before every question was answered; give the answers as options "
                       "(--help lists them)", err=True)  # fmt: skip
            return 2
        told = f": {stopped}" if isinstance(stopped, Interrupted) and str(stopped) else ""
        click.echo(visible(f"interrupted{told}"), err=True)
        return 130
