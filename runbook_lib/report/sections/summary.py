"""The first screen of a report in words: what was done, by whom, and why the verdict is what it is."""

from __future__ import annotations

from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.totals import chosen, how_many, total
from runbook_lib.report.sections.findings import contradictions, tables_of
from runbook_lib.report.sections.not_checked import accepted_in_short
from runbook_lib.report.sections.taken_on_trust import taken_on_trust
from runbook_lib.report.text import NOT_RECORDED, count, duration, elapsed, moment, pluralize
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS, RUNNING

RESUME = "Run it again with the same run id to go on where it stopped."


def verdict_of(record: Record) -> str:
    return str(record.get("verdict") or "UNKNOWN")


def headline(record: Record) -> str:
    """The verdict, and of a run that leaves tables out for how many it holds: `PASS: 1 of 2 tables, 1 not chosen`."""
    left = len(record.get("tables") or []) - len(chosen(record))
    return f"{verdict_of(record)}: {how_many(record)}, {count(left)} not chosen" if left else verdict_of(record)


def place(record: Record, side: str) -> str:
    """Account and region of a side: `111122223333/us-east-1`."""
    who = (record.get("identity") or {}).get(side) or {}
    return f"{who.get('account') or 'account not recorded'}/{who.get('region') or 'region not recorded'}"


def actor(record: Record, side: str) -> str:
    """The ARN that acted on a side."""
    return str(((record.get("identity") or {}).get(side) or {}).get("arn") or NOT_RECORDED)


def sentence(record: Record) -> str:
    """What was done, in one sentence with its numbers."""
    tables, number = chosen(record), how_many(record)
    ways = f"from {place(record, 'source')} to {place(record, 'target')}"
    exported = total(tables, "items_exported").with_noun("items exported")
    if record.get("executed"):
        written = total(tables, "items_written").with_noun("written")
        done = f"{number} {ways}: {exported}, {written}"
    elif any(t.get("compared_only") for t in tables):
        done = (
            f"Comparison of {number} {ways}, nothing written to the target: {exported}, "
            f"{total(tables, 'items_in_target').with_noun('found in the target')}"
        )
    else:
        of = f"{number} {ways}"
        what = f"{of}, stopped before anything was written" if asked_to_write(record) else f"Dry run of {of}"
        done = (
            f"{what}: {exported}, "
            f"{total(tables, 'lines_read').with_noun('read and checked')}, nothing written to the target"
        )
    taken = elapsed(record.get("started"), record.get("finished"))
    how_long = f", {duration(taken)} in all" if taken is not None else ""
    ended = moment(record.get("finished")) if record.get("finished") else "not finished"
    return f"{done}. Started {moment(record.get('started'))}{_by_whom(record)}, ended {ended}{how_long}."


def asked_to_write(record: Record) -> bool:
    """Whether the last start that did more than a report was allowed to write; it may end before it comes to that."""
    starts = [a for a in record.get("attempts") or [] if a.get("steps") != ["report"]]
    return bool(starts and starts[-1].get("execute")) or any(step.get("execute") for step in record.get("steps") or [])


def _by_whom(record: Record) -> str:
    """The acting roles or users without their account: ` by migration-reader/ci and migration-writer/ci`."""
    arns = [a for side in ("source", "target") if (a := actor(record, side)) != NOT_RECORDED]
    names = dict.fromkeys(a.rpartition(":")[2].removeprefix("assumed-role/").removeprefix("user/") for a in arns)
    return f" by {' and '.join(names)}" if names else ", by whom is not recorded"


def why(record: Record) -> list[str]:
    """Why the verdict is what it is: the proof of a PASS, the reasons of everything else."""
    verdict, reasons = verdict_of(record), [str(r) for r in record.get("reasons") or []]
    if verdict == PASS:
        wrong = contradictions(record)
        return (
            [proof(record), *taken_on_trust(record)]
            if not wrong
            else ["The numbers of this record do not bear out its verdict.", *wrong]
        )
    if verdict == DRY_RUN:
        return [_dry(record), *reasons]
    if verdict == INTERRUPTED:
        return [*(reasons or ["The run was interrupted."]), RESUME]
    if verdict == RUNNING:
        return ["The run has not ended; nothing is concluded from it yet.", *reasons]
    return reasons or ([] if verdict != FAIL else ["The record names no reason."])


def proof(record: Record) -> str:
    """The proof of a PASS in one line."""
    tables = chosen(record)
    only = sum(bool(t.get("compared_only")) for t in tables)
    taken = "items read from the export" if only == len(tables) else "lines read, acknowledged writes"
    line = (
        f"Manifest, {taken} and a scan of the target agree for "
        f"{'the one table' if len(tables) == 1 else f'all {len(tables):,} tables'}, and every item was compared"
    )
    allowed = [
        f"{pluralize(total(tables, 'expired').value, 'item')} had been removed by a TTL that the source has too"
        if total(tables, "expired").value
        else "",
        f"{pluralize(total(tables, 'extra').value, 'item')} had been in the targets before the import"
        if total(tables, "extra").value
        else "",
        f"{pluralize(only, 'table')} had been filled by something else than this run, and only compared"
        if only
        else "",
        accepted_in_short(record),
    ]
    return "; ".join([line, *filter(None, allowed)]) + "."


def _dry(record: Record) -> str:
    writes = (record.get("target_calls") or {}).get("BatchWriteItem")
    sent = (
        "no write was sent" if not writes else f"{pluralize(writes, 'write request')} of an earlier start are counted"
    )
    head = (
        "The step that writes has not run" if asked_to_write(record) else "Without --execute the target stays as it is"
    )
    done = {step.get("name") for step in record.get("steps") or [] if step.get("status") == "completed"}
    far = "every line of an export" if "import" in done else "an export, of which no line was read"
    far = far if done & {"import", "export"} else "the pre-flight, and nothing was exported"
    return f"{head} ({sent}). The way is checked as far as {far}; nothing is proved about the target."


def verdicts(record: Record) -> str:
    """How many tables have which verdict: `29 PASS, 2 FAIL`."""
    counts: dict[str, int] = {}
    for table in tables_of(record):
        word = str(table.get("verdict") or "UNKNOWN")
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count(n)} {word}" for word, n in counts.items()) or "no table"
