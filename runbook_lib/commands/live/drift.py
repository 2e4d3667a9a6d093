"""`runbook drift`: how far the targets are from their live sources by now, as often as one likes."""

from __future__ import annotations

from pathlib import Path

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID
from runbook_lib.commands.output import say


@click.command()
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run whose targets are compared.")
@click.option("--tables", default="", metavar="GLOB", help="Source tables to look at: globs, separated by commas.")
def drift(config: Path, run_id: str, tables: str) -> int:
    """Compare the targets with their live sources, for information; each look adds to the trend in the report."""
    from runbook_lib.drift.step import look_for_drift
    from runbook_lib.errors import ConfigError
    from runbook_lib.report.sections.around.drifted import drift_lines, drift_sentence
    from runbook_lib.report.step import report_run
    from runbook_lib.run.admission.admit import folder_of, is_begun, sole_runner
    from runbook_lib.run.run import open_run

    if not is_begun(folder_of(run_id)):
        raise ConfigError(f"--run-id: expected a run in {folder_of(run_id).parent}, found no {run_id!r}")
    with sole_runner(folder_of(run_id)) as seat:
        run = open_run(str(config), run_id, seat=seat)
        found = look_for_drift(run, tables)
        record = report_run(run, judging=False)
        run.ledger.close()
    looked = [table for table in record.tables if table.source in found]
    for line in (*map(drift_sentence, looked), *drift_lines(looked)):
        say(line)
    say(f"not part of the verdict, which is {record.verdict}; report: {run.folder / 'report.html'}")
    return 1 if any(fact.failure for fact in found.values()) else 0
