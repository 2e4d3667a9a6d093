"""The last step: show what the run amounts to and publish it; and again after a cleanup."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from runbook_lib.errors import ConfigError
from runbook_lib.record.anchor import Anchor, told_of_anchor
from runbook_lib.record.build import build_record
from runbook_lib.record.run_json import RunRecord
from runbook_lib.record.signature import Signature, told_of_signature
from runbook_lib.report.judged import judged_record
from runbook_lib.report.publish import publish
from runbook_lib.report.text import pluralize
from runbook_lib.run.admission.admit import folder_of, is_of_runner, sole_runner
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.run import Run, open_cleanup
from runbook_lib.undo.cleanup import check_cleanup, clean_up


def record_of(run: Run) -> RunRecord:
    """The run's record as the ledger knows it now, without writing anything."""
    return build_record(run.ledger, run.id, run.config.name, running=True)


def report_run(run: Run, *, judging: bool = True) -> RunRecord:
    """Write the report of the run as it stands; returns the record that is `run.json`.

    Never raises for a bad verdict: a report that says FAIL is a good report. In a notebook of `runbook run` the
    runner publishes, once the notebook itself is whole: what is sealed now would be changed by it. Unless it is
    `judging`, what the migration file accepts now makes no difference.
    """
    with run.step("report"):  # the step's own end belongs into what is published
        if judging:
            run.keep_accepted()
    if is_of_runner(run.ledger):
        return judged_record(run.ledger, run.id, run.config.name)
    anchor, signature = Anchor.of(run.config, run.id), Signature.of(run.config)
    return publish(run.folder, run.ledger, run.id, run.config.name, anchor=anchor, signature=signature)


def removal_line(removal: Removal) -> str:
    """What a cleanup did with one target, or would do: the items of a table that goes go with it."""
    deleted = "would be deleted" if removal.only_looked else "deleted"
    objects = pluralize(removal.objects, "staging object")
    if removal.table_deleted:
        what = f"table {deleted} with its {pluralize(removal.items_found, 'item')}, {objects} {deleted}"
    elif removal.target_gone:
        what = f"there is no such table any more, {objects} {deleted}"
    else:
        items = removal.items_found if removal.only_looked else removal.items_deleted
        what = f"table stays, {pluralize(items, 'item')} and {objects} {deleted}"
    changed = f", {pluralize(removal.items_changed, 'item')} changed since" if removal.items_changed else ""
    return f"{removal.target}: {what}{changed}" + (f"; {removal.kept}" if removal.kept else "")


def removal_sum(removals: Sequence[Removal]) -> str:
    """The same of all targets together; what an earlier start has removed is told apart from what a dry run found."""
    told = []
    for looked, deleted in ((True, "would be deleted"), (False, "deleted")):
        of = [removal for removal in removals if removal.only_looked is looked]
        tables = sum(removal.table_deleted for removal in of)
        items = sum(r.items_found if looked or r.table_deleted else r.items_deleted for r in of)
        objects = pluralize(sum(removal.objects for removal in of), "staging object")
        if of:
            told.append(f"{pluralize(tables, 'table')}, {pluralize(items, 'item')} and {objects} {deleted}")
    kept = sum(bool(removal.kept) for removal in removals)
    stays = f"; of {pluralize(kept, 'target')} something stays" if kept else ""
    return f"{pluralize(len(removals), 'target')} together: {'; '.join(told)}{stays}"


def clean_up_run(
    config: Path, run_id: str, tables: str, execute: bool, confirm: str, say: Callable[[str], None]
) -> int:
    """Remove what a run created and publish its report again; the exit code, 1 if something had to stay.

    Without `execute` it is looked at what would be removed, and nothing is written anywhere, nor sealed again.
    Raises ConfigError or ResumeRefused, and then nothing has changed anywhere, for a run that is not there or is
    running, for another configuration or account than its own, for tables it has not, and for an `execute` without
    the run's id.
    """
    if execute and not confirm:
        raise ConfigError(f"--confirm: expected {run_id!r} once more, which allows removing; nothing was removed")
    with sole_runner(folder_of(run_id)) as seat:
        run = open_cleanup(str(config), run_id, execute, tables, seat=seat)
        check_cleanup(run, confirm)
        found = clean_up(run, confirm, lambda table, state: say(f"{table}: {state}"))
        record = report_run(run, judging=False) if execute else None
        run.ledger.close()
    for removal in found:
        say(removal_line(removal))
    if record is not None and (told := told_of_signature(record, run.folder)):
        say(f"signature: {told}")
    if record is not None and (told := told_of_anchor(record, run.folder)):
        say(f"anchor: {told}")
    if len(found) > 1:
        say(removal_sum(found))
    if not execute:  # last, to be copied
        only = ["--tables", tables] if tables else []
        words = ["runbook", "cleanup", str(config), "--run-id", run_id, *only, "--execute", "--confirm", run_id]
        say(f"nothing was removed; to remove it: {shlex.join(words)}")
    return 1 if execute and any(removal.kept for removal in found) else 0
