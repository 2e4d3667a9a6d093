"""What needs attention, and what was left out: findings in words, the gravest first. Pure."""

from __future__ import annotations

from collections import defaultdict

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import NOT_CHECKED, SHOWN_NAMES, together
from runbook_lib.record.model.run import StepRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.sections.cost_rows import above_estimate
from runbook_lib.report.sections.notable import NOTABLE, is_scanned
from runbook_lib.report.sections.schema_findings import attention_to_definitions, unannounced
from runbook_lib.report.sections.throttling import diagnose
from runbook_lib.report.text import count, listed, pluralize, where_refused
from runbook_lib.run.verdicts import NOT_MIGRATED

# What only concerned the way to an import: afterwards it is over, or other lines of the report say what came of it.
MOOT = frozenset({
    CheckId.NOT_PRODUCTION, CheckId.RECOVERY, CheckId.TARGET_TABLE, CheckId.WARM_THROUGHPUT, CheckId.TIME_TO_LIVE,
    CheckId.PERMISSIONS, CheckId.EXPORTS_AT_ONCE, CheckId.EXPORT_TIME, CheckId.WRITE_CAPACITY, CheckId.FREE_DISK,
    CheckId.CLOCK, CheckId.BUCKET_OWNER, CheckId.COST, CheckId.TIME,
})  # fmt: skip
# What had consequences that somebody has to know of afterwards, too.
REACHED = {
    CheckId.STREAM: "had a stream while items were loaded: whatever reads it has received every item",
    CheckId.TRIGGERS: "had functions on their stream, which were called for every loaded item",
    CheckId.KINESIS_STREAMS: "sent every loaded item to a Kinesis stream",
    CheckId.REPLICAS: "passed every loaded item on to their replicas",
}


def not_migrated(figures: RunFigures) -> list[tuple[str, str]]:
    """The tables that were left out on purpose, and why; where a run came to nothing, no table of it was chosen for."""
    return [
        (t.source, "; ".join(t.reasons) or "no reason was recorded")
        for t in figures.tables
        if t.verdict == NOT_MIGRATED
    ]


def nothing_written(figures: RunFigures) -> str | None:
    """That nothing at all was migrated, and what kept it from that; None of a run that wrote, or only compared."""
    if figures.record.executed or any(t.compared_only for t in figures.tables):
        return None
    many = len(figures.record.blockers)
    because = (
        f", because of {pluralize(many, 'blocker')} that the pre-flight found (see Needs attention)" if many else ""
    )
    return f"Everything: this run wrote nothing to the target{because}."


def attention(figures: RunFigures) -> list[str]:
    """What a reader must know beyond the verdict, the gravest first."""
    tables = figures.tables
    found = [f"Contradiction in the record: {c}" for c in figures.contradictions]
    if not figures.record.checks and any(s.name == "preflight" and not _ended(s) for s in figures.record.steps):
        found.append("The pre-flight did not finish, so what would block the run is not known")
    found += [f"Blocker: {text}" for text in together(figures.record.blockers, SHOWN_NAMES)]
    found += [
        f"{pluralize(t.items_quarantined, 'item')} of {t.source} could not be written: {where_refused(t)}"
        for t in tables
        if t.items_quarantined
    ]
    found += _throttled(tables)
    for test, text in NOTABLE:
        names = [t.source for t in tables if test(t)]
        if names:
            found.append(f"{pluralize(len(names), 'table')} {text}: {listed(names)}")
    found += _warnings(figures)
    found += [f"Warning, found at validation: {text}" for text in together(unannounced(figures), SHOWN_NAMES)]
    found += attention_to_definitions(figures)
    found += [f"More than estimated: {text}" for text in above_estimate(figures)]
    found += _changes(figures)
    return found + _about_the_run(figures)


def _is_loaded(figures: RunFigures) -> bool:
    """Whether the import of this run is over, and with it what only concerned it."""
    ended = any(step.name == "import" and step.status == "completed" for step in figures.record.steps)
    return figures.record.executed is True and ended


def _warnings(figures: RunFigures) -> list[str]:
    """The warnings of the pre-flight; once items are loaded, without what is over, and with what came of the others."""
    known = figures.record.warnings
    if not _is_loaded(figures):
        scanned = {t.source for t in figures.tables if is_scanned(t)}  # a line of their own says what that means
        left = [w for w in known if not (w.id == CheckId.RECOVERY and w.table in scanned)]
        return [f"Warning: {text}" for text in together(left, SHOWN_NAMES)]
    found = []
    for check, text in REACHED.items():
        if names := sorted({w.table for w in known if w.id == check}):
            found.append(f"{pluralize(len(names), 'target')} {text}: {listed(names, SHOWN_NAMES)}")
    left = [w for w in known if w.id not in MOOT and w.id not in REACHED]
    return [*found, *(f"Warning: {text}" for text in together(left, SHOWN_NAMES))]


def _ended(step: StepRecord) -> bool:
    return step.status in ("completed", "failed")


def _throttled(tables: list[TableRecord]) -> list[str]:
    """What held the writes back, by what DynamoDB said, the most held back first."""
    items: dict[tuple[str, str], int] = defaultdict(int)
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in tables:
        for t in table.throttled:
            items[t.reason, t.resource] += t.items
            names[t.reason, t.resource].append(table.target)
    found = []
    for reason, resource in sorted(items, key=lambda key: -items[key]):
        meant = diagnose(reason, resource)
        found.append(
            f"Writes were held back by {meant.what}: {pluralize(items[reason, resource], 'item')} of "
            f"{listed(names[reason, resource])} had to be sent again. To go faster: {meant.remedy}"
        )
    return found


def _changes(figures: RunFigures) -> list[str]:
    """What the run changed besides items, each because the migration file asked for it by name; and what is unknown."""
    recovered, warmed = sorted(figures.record.recovery_turned_on), figures.record.warmed
    found = []
    if recovered:
        found.append(
            f"Point-in-time recovery of {pluralize(len(recovered), 'source table')} was turned on by this run, as "
            f"export.enable_pitr asks ({listed(recovered)}); it stays on and is charged until you turn it off"
        )
    found += [
        f"The warm throughput of {target} was raised to {count(fact.units)} write units per second, as "
        "import.warm_throughput asks; it was charged and cannot be lowered again"
        for target, fact in sorted(warmed.items())
    ]
    over = MOOT if _is_loaded(figures) else frozenset()
    missed = [c for c in figures.record.checks if c.status == NOT_CHECKED and c.id not in over]
    if missed:
        kinds = sorted({c.name for c in missed})
        found.append(f"{pluralize(len(missed), 'check')} of the pre-flight could not run: {listed(kinds)}")
    return found


def _starts(figures: RunFigures) -> str:
    """How often a run was started and for what, as its table of attempts bears out."""
    starts, attempts = figures.record.starts, figures.record.attempts
    kinds = {"as a dry run": False, "allowed to write": True, "without a record of whether it might write": None}
    each = {words: sum(start.execute is kind for start in starts) for words, kind in kinds.items()}
    how = ", ".join(f"{_times(many)} {words}" for words, many in each.items() if many)
    stopped = sum(attempt.interrupted is not None for attempt in attempts)
    then = f"; {_times(stopped)} it was stopped by hand" if stopped else ""
    own = "each notebook that was run by hand, and each report that was written by itself, has a row of its own"
    rows = "" if len(attempts) == len(starts) else f". Attempts has {pluralize(len(attempts), 'row')}: {own}"
    return f"The run was started {_times(len(starts))}: {how}{then}{rows}"


def _times(many: int) -> str:
    return "once" if many == 1 else f"{many:,} times"


def _about_the_run(figures: RunFigures) -> list[str]:
    found, code = [], figures.record.code
    if len(figures.record.starts) > 1:
        found.append(_starts(figures))
    if code.git is None:
        found.append("The commit of the code that ran is unknown")
    elif code.git.endswith("-dirty"):
        found.append("The code that ran had uncommitted changes")
    for side in ("source", "target"):
        if not figures.record.identity.of(side).arn:
            found.append(f"Who acted on the {side} side is unknown: no STS identity was recorded")
    return found
