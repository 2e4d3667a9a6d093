"""`runbook rollback`: give the targets back what they held before a run wrote to them."""

from __future__ import annotations

from pathlib import Path

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID
from runbook_lib.commands.output import say


@click.command()
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run to undo.")
@click.option("--tables", default="", metavar="GLOB", help="Source tables to act on: globs, separated by commas.")
@click.option("--execute", is_flag=True, help="Write to the target; without it, nothing is written there.")
@click.option("--confirm", default="", metavar="RUN_ID",
              help="The run's id again; also needed for a dry run, which exports the targets.")  # fmt: skip
def rollback(config: Path, run_id: str, tables: str, execute: bool, confirm: str) -> int:
    """Undo what a run wrote, key by key; keeps what others have written since."""
    from runbook_lib.record.anchor import told_of_anchor
    from runbook_lib.record.signature import told_of_signature
    from runbook_lib.report.sections.repairs import rollback_sentence
    from runbook_lib.report.step import report_run
    from runbook_lib.report.text import pluralize
    from runbook_lib.run.admission.admit import folder_of, sole_runner
    from runbook_lib.run.run import open_cleanup
    from runbook_lib.undo.rollback import check_rollback, roll_back

    with sole_runner(folder_of(run_id)) as seat:
        run = open_cleanup(str(config), run_id, execute, tables, seat=seat)
        check_rollback(run, confirm)
        facts = roll_back(run, confirm, lambda table, done: say(f"{table}: {pluralize(done, 'key')}"))
        record = report_run(run, judging=False)
        folder = run.folder
        run.ledger.close()
    for back in record.rollbacks:
        say(rollback_sentence(back))
    if told := told_of_signature(record, folder):
        say(f"signature: {told}")
    if told := told_of_anchor(record, folder):
        say(f"anchor: {told}")
    if not facts:
        say("nothing was written by this run, so there is nothing to take back")
    return 1 if any(fact.failure for fact in facts) else 0
