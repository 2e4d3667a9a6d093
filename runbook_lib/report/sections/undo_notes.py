"""What a run created, and how to undo it, in sentences. Pure."""

from __future__ import annotations

from collections import defaultdict

from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.sections.repairs import rollback_sentence
from runbook_lib.report.text import count, listed, moment, pluralize


def undo_notes(figures: RunFigures) -> list[str]:
    """Tables that were created, moments to restore to, and what a cleanup has removed."""
    return [*_created(figures), *_restorable(figures), *_taken_back(figures), *_removed(figures)]


def _created(figures: RunFigures) -> list[str]:
    by_status: dict[str, list[str]] = defaultdict(list)
    found = []
    for table in figures.tables:
        if fact := table.created:
            by_status[fact.status].append(table.target)
            if left_out := fact.left_out:
                found.append(f"{table.target} was created without {'; without '.join(left_out)}.")
    return [
        f"{pluralize(len(names), 'target')} {_what_became(status, many=len(names) > 1)}: {listed(sorted(names))}."
        for status, names in sorted(by_status.items())
    ] + found


def _what_became(status: str, *, many: bool) -> str:
    """What became of targets that did not exist."""
    if status == "created":
        return f"did not exist and {'were' if many else 'was'} created by this run with the definition of the source"
    if status == "would be created":
        return f"{'do' if many else 'does'} not exist; with --execute this run creates {'them' if many else 'it'}"
    return f"{'are' if many else 'is'} not completely created ({status})"


def _restorable(figures: RunFigures) -> list[str]:
    return [
        f"{table.target} held {count(table.items_before)} items before. To undo the import, restore it "
        f"to {table.restore_to} or earlier: that is before the first write, and point-in-time recovery was on."
        for table in figures.tables
        if table.restore_to
    ]


def _taken_back(figures: RunFigures) -> list[str]:
    record = figures.record
    if not record.rolled_back:
        return []
    done = f"Rolled back at {moment(record.rolled_back)}, after the numbers of this report were measured."
    return [done, *(f"{rollback_sentence(back)}." for back in record.rollbacks)]


def _removed(figures: RunFigures) -> list[str]:
    if not figures.record.cleaned:
        return []
    removals = figures.record.cleanup
    sums = {
        name: sum(int(getattr(r, name)) for r in removals)
        for name in ("table_deleted", "items_deleted", "items_changed", "objects")
    }
    done = [
        f"Cleaned up at {moment(figures.record.cleaned)}, after the numbers of this report were measured: "
        f"{pluralize(sums['table_deleted'], 'table')} deleted, {pluralize(sums['items_deleted'], 'item')} deleted, "
        f"{pluralize(sums['objects'], 'staging object')} deleted, {pluralize(sums['items_changed'], 'item')} left "
        "because they were changed since."
    ]
    gone = [r.target for r in removals if r.target_gone]
    done += [f"Gone before the cleanup, so that nothing was removed from it: {name}." for name in gone]
    return done + [f"Left: {r.kept}." for r in removals if r.kept]
