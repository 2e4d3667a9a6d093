"""The first screen of a report in words: what was done, by whom, and why the verdict is what it is."""

from __future__ import annotations

from collections import Counter

from runbook_lib.record.model.base import seconds_between
from runbook_lib.record.model.run import Ground
from runbook_lib.record.reasons import ReasonId
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.cut_over import first_screen_lines
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.totals import tables_known, wanted_to_write
from runbook_lib.report.figures.windows import gap_lines, proved_as_of
from runbook_lib.report.sections.around.compared import around_in_short
from runbook_lib.report.sections.first_screen.not_checked import accepted_in_short
from runbook_lib.report.sections.first_screen.taken_on_trust import of_newcomers, of_other_runs, taken_on_trust
from runbook_lib.report.sections.masking.sentences import leaks_in_short
from runbook_lib.report.sections.repairs import repaired_in_short
from runbook_lib.report.text import NOT_MEASURED, NOT_RECORDED, WORK, count, duration, moment, pluralize
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS, RUNNING

ALIKE = 3  # tables that share their reasons are told as one from so many on


def headline(figures: RunFigures) -> str:
    """The verdict: of a PASS after a catch-up with its moment, of a run that leaves tables out for how many it is."""
    verdict = figures.record.verdict
    moment_of_proof = proved_as_of(figures.record) if verdict == PASS else None
    said = f"{verdict} as of {moment(moment_of_proof)}" if moment_of_proof else verdict
    return f"{said}: {figures.how_many}, {count(figures.left)} not chosen" if figures.left else said


def place(record: RunRecord, side: str) -> str:
    """Account and region of a side: `111122223333/us-east-1`."""
    who = record.identity.of(side)
    return f"{who.account or 'account not recorded'}/{who.region or 'region not recorded'}"


def actor(record: RunRecord, side: str) -> str:
    """The ARN that acted on a side."""
    return record.identity.of(side).arn or NOT_RECORDED


def sentence(figures: RunFigures) -> str:
    """What was done, in one sentence with its numbers."""
    record, number = figures.record, figures.how_many
    ways = f"from {place(record, 'source')} to {place(record, 'target')}"
    exported = figures.sums["items_exported"].with_noun("items exported")
    if record.verdict == INTERRUPTED:
        done = (
            f"{f'{number} {ways}' if tables_known(record) else ways[0].upper() + ways[1:]}: {how_far_it_came(figures)}"
        )
    elif record.executed:
        written = figures.sums["items_written"].with_noun("written")
        done = f"{number} {ways}: {exported}, {written}"
    elif any(t.compared_only for t in figures.chosen):
        done = (
            f"Comparison of {number} {ways}, nothing written to the target: {exported}, "
            f"{figures.sums['items_in_target'].with_noun('found in the target')}"
        )
    else:
        of = f"{number} {ways}"
        what = f"{of}, stopped before anything was written" if wanted_to_write(figures.record) else f"Dry run of {of}"
        done = (
            f"{what}: {exported}, "
            f"{figures.sums['lines_read'].with_noun('read and checked')}, nothing written to the target"
        )
    taken = seconds_between((record.started, record.finished))
    work = record.totals.seconds  # with the report, which may take longer than a run that did next to nothing
    worked = f", {duration(work)} {WORK}" if work and taken is not None and work <= taken else ""
    how_long = f", {duration(taken)} in all{worked}" if taken is not None else ""
    ended = moment(record.finished) if record.finished else "not finished"
    return f"{done}. Started {moment(record.started)}{_by_whom(record)}, ended {ended}{how_long}."


def how_far_it_came(figures: RunFigures) -> str:
    """How far a run came that was stopped; of what it had not come to it says nothing."""
    if figures.record.executed:
        kinds = {"items_exported": "items exported", "items_written": "written"}
        return f"stopped; {', '.join(figures.sums[name].with_noun(what) for name, what in kinds.items())}"
    known = [
        figures.sums[name].with_noun(what)
        for name, what in {"items_exported": "items exported", "lines_read": "read and checked"}.items()
        if figures.sums[name].told
    ]
    begun = "stopped before anything was written" if wanted_to_write(figures.record) else "dry run, stopped"
    return "; ".join([begun, *([", ".join(known)] if known else [])])


def _by_whom(record: RunRecord) -> str:
    """The acting roles or users without their account: ` by migration-reader/ci and migration-writer/ci`."""
    arns = [a for side in ("source", "target") if (a := actor(record, side)) != NOT_RECORDED]
    names = dict.fromkeys(a.rpartition(":")[2].removeprefix("assumed-role/").removeprefix("user/") for a in arns)
    return f" by {' and '.join(names)}" if names else ", by whom is not recorded"


def why(figures: RunFigures) -> list[str]:
    """Why the verdict is what it is: the proof of a PASS, the reasons of everything else."""
    known = figures.record
    verdict, reasons, noted = (
        known.verdict,
        reasons_in_groups(known),
        [*repaired_in_short(known), *first_screen_lines(known), *around_in_short(known)],
    )
    if verdict == PASS:
        wrong = figures.contradictions
        return (
            [proof(figures), *leaks_in_short(known), *taken_on_trust(figures), *noted]
            if not wrong
            else ["The numbers of this record do not bear out its verdict.", *wrong]
        )
    others = [*of_other_runs(known), *of_newcomers(known)]
    reasons = [*reasons, *leaks_in_short(known), *gap_lines(known), *others, *noted]
    if verdict == DRY_RUN:
        return [_dry(figures), *reasons]
    if verdict == INTERRUPTED:
        return reasons or ["The run was interrupted."]
    if verdict == RUNNING:
        return ["The run has not ended; nothing is concluded from it yet.", *reasons]
    return reasons or ([] if verdict != FAIL else ["The record names no reason."])


def reasons_in_groups(record: RunRecord) -> list[str]:
    """The reasons, where tables that have all of theirs in common are one, with their names behind what they share."""
    if [ground.text for ground in record.grounds] != record.reasons:
        return list(record.reasons)  # of another version's record
    tables = {table.source: table for table in record.tables}
    groups: dict[tuple[str, ...], list[Ground]] = {}
    for place, ground in enumerate(record.grounds):
        table = tables.get(ground.subject) if ground.id == ReasonId.TABLE_NOT_PROVED else None
        key = (table.verdict, *table.reasons) if table else (str(place),)
        groups.setdefault(key, []).append(ground)
    found = []
    for (verdict, *shared), group in groups.items():
        if len(group) < ALIKE:
            found += [ground.text for ground in group]
        else:
            said = "; ".join(shared) or "no reason given"
            found.append(f"{len(group):,} tables {verdict}: {said}: {', '.join(ground.subject for ground in group)}")
    return found


def proof(figures: RunFigures) -> str:
    """The proof of a PASS in one line."""
    tables = figures.chosen
    only = sum(t.compared_only for t in tables)
    expired, extra = figures.sums["expired"].value, figures.sums["extra"].value
    taken = "items read from the export" if only == len(tables) else "lines read, acknowledged writes"
    changed = ", with the changes since the export," if any(t.changes for t in tables) else ""
    of_all = {1: "the one table", 2: "both tables"}.get(len(tables), f"all {len(tables):,} tables")
    line = f"Manifest, {taken} and a scan of the target agree{changed} for {of_all}, and every item was compared"
    allowed = [
        f"{pluralize(expired, 'item')} had been removed by a TTL that the source has too" if expired else "",
        f"{pluralize(extra, 'item')} had been in the targets before the import" if extra else "",
        f"{pluralize(only, 'table')} had been filled by something else than this run, and only compared"
        if only
        else "",
        accepted_in_short(figures),
    ]
    return "; ".join([line, *filter(None, allowed)]) + "."


def _dry(figures: RunFigures) -> str:
    writes = figures.record.target_calls.get("BatchWriteItem")
    sent = (
        "no write was sent" if not writes else f"{pluralize(writes, 'write request')} of an earlier start are counted"
    )
    head = (
        "The step that writes has not run"
        if wanted_to_write(figures.record)
        else "Without --execute nothing is written to the target"
    )
    done = {step.name for step in figures.record.steps if step.status == "completed"}
    far = (
        "Every line of the exports was read and checked" if "import" in done else "The exports were made, but not read"
    )
    far = far if done & {"import", "export"} else "Only the pre-flight has run; nothing was exported"
    return f"{head} ({sent}). {far}; nothing is proved about the target."


def verdicts(figures: RunFigures) -> str:
    """How many of the run's tables have which verdict: `29 PASS, 2 FAIL`; no table that nobody chose has one."""
    if not tables_known(figures.record):
        return NOT_MEASURED
    chosen = {table.source for table in figures.chosen}
    counts = Counter(table.verdict for table in figures.tables if table.source in chosen)
    return ", ".join(f"{count(n)} {word}" for word, n in counts.items()) or "no table"
