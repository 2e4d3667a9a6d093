"""The source: that its tables are there, and how each of them can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from runbook_lib.aws.dynamodb.describe.capacity import attributes_of_first_items
from runbook_lib.aws.dynamodb.describe.tables import NOT_TOLD, TableDescription
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import ExportError
from runbook_lib.plan.check import BLOCKER, OK, WARNING, Check, CheckStatus, ok, run_check, unknown
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.replication import OLD_GLOBAL, replication_check, seen_in
from runbook_lib.plan.reuse import Reuse, refuse_swapped
from runbook_lib.preflight.checks.context import CheckContext

READABLE = frozenset({"ACTIVE", "UPDATING"})
REMEDIES = {
    "ARCHIVED": "its key was out of reach for a week: restore it from the backup that AWS made, and migrate that table",
    "ARCHIVING": "its key is out of reach: give the key back at once, or restore the table from the backup when done",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "DynamoDB cannot use its KMS key: enable the key, or its policy and grants",
    "REPLICATION_NOT_AUTHORIZED": "DynamoDB may not replicate it: fix the permissions of its replication",
    "DELETING": "it is being deleted: restore it, or leave it out",
}
SCANNED = "the table is scanned, which does not capture one moment and uses its read capacity"
WITHOUT = {
    "fail": "point-in-time recovery, as export.without_pitr is 'fail'",
    "skip": "point-in-time recovery",
    "scan": "point-in-time recovery",
}


def of_source(context: CheckContext, pair: Pair) -> Iterator[Check]:
    """All looks at one source table."""
    yield _there(context, pair)
    if pair.reuse is not None:
        yield _reused(context, pair, pair.reuse)
        yield _whole(pair.source, pair.reuse)
        return
    if (other := context.config.export.reuse_run) is not None:
        if not context.reuses:
            return  # what is wrong with the run itself is said once
        yield Check(CheckId.EARLIER_EXPORT, pair.source, BLOCKER, f"an export of it in run {other}", "none",
                    "leave the table out (tables.exclude), or take export.reuse_run out to export anew",
                    configuration=True, essential=True)  # fmt: skip
        return
    if pair.source_facts is None and ("source", pair.source) not in context.unread:
        return
    if pair.source_facts is not None:
        yield _status(pair.source, pair.source_facts.status)
        yield _replication(context, pair, pair.source_facts)
    yield _recovery(context, pair)
    if pair.method == "export":
        yield _export_time(context, pair)


def _there(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.SOURCE_TABLE, pair.source, BLOCKER, "the source table", "it is gone", "restore it or start a new run",
        configuration=True, essential=True,
    )  # fmt: skip
    if ("source", pair.source) in context.unread:
        made = replace(check, configuration=False)
        return unknown(made, context.unread["source", pair.source], "allow dynamodb:DescribeTable on it")
    if pair.source_facts is not None:
        return _same(context, pair, pair.source_facts) or ok(check, pair.source_facts.status)
    return check if pair.reuse is None else ok(check, "gone; an earlier export is used")


def _same(context: CheckContext, pair: Pair, now: TableDescription) -> Check | None:
    """What to say of a table that is not the one of that name that this run has exported."""
    made = context.exported.get(pair.source)
    known = made.manifest.table_id if made is not None and pair.reuse is None else ""
    if not known or not now.table_id or known == now.table_id:
        return None
    return Check(
        CheckId.SOURCE_TABLE, pair.source, WARNING, f"the table that was exported ({known})",
        f"another one of that name ({now.table_id})",
        "this run moves what was exported, and compares definitions with those of the new table; start a new run to "
        "move the new one",
    )  # fmt: skip


def _status(source: str, status: str) -> Check:
    """Only a table that is there and can be decrypted is exported or scanned."""
    check = Check(CheckId.SOURCE_STATUS, source, BLOCKER, "a source that can be read", status, "wait and run again",
                  essential=True)  # fmt: skip
    if status in READABLE:
        return ok(check, status)
    if status == NOT_TOLD:
        return unknown(check, "DescribeTable does not say TableStatus")
    return replace(check, remedy=REMEDIES.get(status, check.remedy))


def _replication(context: CheckContext, pair: Pair, facts: TableDescription) -> Check:
    """Of an export the first items are looked at once it is complete."""

    def found(c: Check) -> Check:
        stand = context.capacities[pair.source].source
        if stand is not None and stand.global_table_version == OLD_GLOBAL:
            return replace(c, found=f"a global table of version {OLD_GLOBAL}, whose items have them")
        names = {k.name for i in facts.indexes for k in i.key}
        if pair.method == "scan":
            names |= attributes_of_first_items(context.clients.source, pair.source)
        return seen_in(c, names, items=pair.method == "scan")

    return run_check(replication_check(pair.source), found)


def _reused(context: CheckContext, pair: Pair, reuse: Reuse) -> Check:
    """The export that the plan holds still lies there, and it is of this table."""
    found = f"an export of {reuse.table}"
    check = Check(
        CheckId.EARLIER_EXPORT, pair.source, WARNING, "an export of this table", found,
        "it is used because the configuration names it",
    )  # fmt: skip
    try:
        refuse_swapped(reuse, context.reuses.get(pair.source, reuse))
    except ExportError as error:
        return Check(check.id, check.table, BLOCKER, "the export that this run's plan holds", str(error),
                     "put it back, or start a new run with another run id")  # fmt: skip
    return ok(check, found) if reuse.table == pair.source else check


def _whole(source: str, reuse: Reuse) -> Check:
    """Only AWS knows whether an export is the whole table; of the others there is what their manifests say."""
    check = Check(
        CheckId.EXPORT_IS_WHOLE, source, BLOCKER, "an export of the whole table, as DescribeExport says", "",
        "the verdict is then as this export says; export the table anew to have it proved",
    )  # fmt: skip
    return ok(check, "made without a filter") if reuse.whole.checked else unknown(check, reuse.whole.why, check.remedy)


def _recovery(context: CheckContext, pair: Pair) -> Check:
    asked, without = context.config.export.asked_for(pair.source), context.config.export.without_pitr
    if asked == "scan":
        return Check(CheckId.RECOVERY, pair.source, WARNING, "an export of one moment", "export.method is 'scan'",
                     SCANNED)  # fmt: skip
    check = Check(CheckId.RECOVERY, pair.source, BLOCKER, WITHOUT[without], "it is off", essential=True)
    if ("recovery", pair.source) in context.unread:
        return unknown(check, context.unread["recovery", pair.source], "allow dynamodb:DescribeContinuousBackups on it")
    if context.recoveries[pair.source].on:
        return ok(check, "on")

    def off(status: CheckStatus, found: str, remedy: str) -> Check:
        return Check(check.id, check.table, status, check.expected, found, remedy)

    if pair.source in context.exported and pair.method == "scan":
        return off(WARNING, "it is off; the table was read by a scan",
                   "nothing for this run; what was written since is recorded nowhere, so no catch-up can "
                   "apply it")  # fmt: skip
    if pair.source in context.exported:
        return off(WARNING, "it is off by now; the table is exported",
                   "nothing for this run; what is written from now on is recorded nowhere, so no catch-up can "
                   "apply it")  # fmt: skip
    if pair.method == "export":
        return off(WARNING, "it is off, and export.enable_pitr asks to turn it on",
                   "with --execute the export step changes the source: it turns recovery on, which is paid for "
                   "until you turn it off; a dry run reads the table as export.without_pitr says")  # fmt: skip
    if asked == "export":
        return off(BLOCKER, "it is off, and export.method is 'export'", "turn it on, or set export.method to scan")
    if without == "fail":
        return off(BLOCKER, "it is off", "turn it on, or set export.without_pitr to scan or skip")
    if without == "skip":
        return off(WARNING, "it is off and export.without_pitr is 'skip'",
                   "the table is NOT MIGRATED and the run cannot pass")  # fmt: skip
    return off(WARNING, "it is off and export.without_pitr is 'scan'",
               SCANNED)  # fmt: skip


def _export_time(context: CheckContext, pair: Pair) -> Check:
    """A chosen moment must lie in what AWS can still, or already, restore."""
    wanted, recovery = context.config.export.export_time, context.recoveries.get(pair.source)
    check = Check(
        CheckId.EXPORT_TIME, pair.source, OK, "a moment that recovery reaches", "the start of the export step"
    )
    if wanted is None:
        return check

    def wrong(found: str) -> Check:
        return Check(check.id, check.table, BLOCKER, check.expected, f"export.export_time {wanted} {found}",
                     "choose another moment, or leave export.export_time out", configuration=True)  # fmt: skip

    if wanted > context.now() + timedelta(minutes=1):
        return wrong("lies in the future")
    if recovery is None or not recovery.on:
        return wrong("lies before recovery is turned on")
    if recovery.earliest is None:
        return unknown(check, "the server does not say how far back recovery reaches")
    if wanted < recovery.earliest:
        return wrong(f"lies before {recovery.earliest:%Y-%m-%dT%H:%M:%SZ}, the earliest that recovery reaches")
    return ok(check, f"{wanted:%Y-%m-%dT%H:%M:%SZ}")
