"""`runbook surroundings`: what stands around the tables as code, compared in both regions, or as a step of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID
from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError

if TYPE_CHECKING:
    from runbook_lib.record.run_json import RunRecord


@click.command()
@CONFIG
@click.option(
    "--format", "form", type=click.Choice(["cloudformation", "cdk"]), default="cloudformation", show_default=True
)
@click.option("--stack", type=click.Choice(["messaging", "monitoring"]), help="Only this stack; default: both.")
@click.option("--compare", is_flag=True, help="Compare both regions instead; exit 1 unless they are equal.")
@click.option("--handbook", is_flag=True, help="Print a handbook of the new environment instead, as Markdown.")
@click.option("--run-id", type=RUN_ID, default="", help="Write templates, handbook and comparison into this run.")
def surroundings(config: Path, form: str, stack: str | None, compare: bool, handbook: bool, run_id: str) -> int:
    """Print the queues, topics, rules, alarms and dashboards around the tables as code, renamed and disabled."""
    if compare and handbook:
        raise ConfigError("--compare and --handbook exclude each other; give one of them")
    if run_id:
        if handbook or stack or form != "cloudformation":
            raise ConfigError(
                "--run-id writes both templates and the handbook; give neither --format, --stack nor --handbook"
            )
        return _in_run(config, run_id, compare)
    if compare:
        from runbook_lib.surroundings.both_sides import comparison_of

        page, alike = comparison_of(config)
        click.echo(page, nl=False)
        return 0 if alike else 1
    if handbook:
        from runbook_lib.surroundings.handbook import handbook_of

        click.echo(handbook_of(config), nl=False)
        return 0
    from runbook_lib.iac.surroundings.of_config import surroundings_of

    click.echo(surroundings_of(config, form, stack), nl=False)
    return 0


def _in_run(config: Path, run_id: str, compare: bool) -> int:
    from runbook_lib.headless.runner import Request, run_notebooks

    return concluded_around(run_notebooks(Request(config, run_id, surroundings=True), say), compare)


def concluded_around(record: RunRecord, compare: bool) -> int:
    """Say what was found; 0 if the step came to its end, with `compare` only if both regions are equal as well."""
    from runbook_lib.paths import reports_root
    from runbook_lib.report.sections.around.compared import are_alike, surroundings_summary

    folder = reports_root() / record.run_id
    step = next((step for step in record.steps if step.name == "surroundings"), None)
    ended = step is not None and step.status == "completed"
    if ended:
        say(f"surroundings: {surroundings_summary(record.surroundings)}")
        for name in record.surroundings.files if record.surroundings else ():
            say(f"  {folder / name}")
    say(f"{record.verdict}: this is about the tables alone; report: {folder / 'report.html'}")
    if record.verdict == "INTERRUPTED":
        return 130
    return 0 if ended and (not compare or are_alike(record.surroundings)) else 1
