"""What has to be true and recorded before a run's first write to a table.

In this order: what is there may be written to; the run stands in the table's register; what the table holds is
recorded item by item; and the checkpoint is bound to the export and the table. Killed before that, it all begins anew.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.dynamodb.backups import is_on, recovery_of
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table, is_empty
from runbook_lib.errors import GateFailed, ResumeRefused, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.items_before import record_held
from runbook_lib.run.witnesses.write_register import begin_registration, register, stay_registered
from runbook_lib.timestamps import format_timestamp

Fact = dict[str, Any]


def begin_writing(run: Run, pair: Pair, export: Fact, *, execute: bool) -> Fact:
    """The table's import facts; refuses a checkpoint that belongs to another export or another target."""
    known: Fact | None = run.ledger.get("import", pair.source)
    if not execute:
        return {"status": "dry-run", "started": format_timestamp(run.now())} if known is None else known
    now = describe_table(run.clients.target, pair.target)
    if now is None:
        raise TransferError(f"target {pair.target} is gone; create it and run again")
    binding = {
        "export_arn": export["arn"],
        "manifest_md5": export["manifest"]["summary_md5"] + export["manifest"]["files_md5"],
        "target_table_id": table_identity(now),
    }
    if known and known.get("binding"):
        if known["binding"] != binding:
            differs = [name for name, value in binding.items() if known["binding"].get(name) != value]
            raise ResumeRefused(
                f"the checkpoint of {pair.source} belongs to another {' and '.join(differs)}: "
                f"{[known['binding'].get(n) for n in differs]}, now {[binding[n] for n in differs]}; "
                "start a new run with another run id"
            )
        register(run, pair, now)
        again = {k: v for k, v in known.items() if k != "counted"} | {"status": "loading", "failure": None}
        run.ledger.put("import", pair.source, again)  # a kill leaves a count that is not whole
        return again
    started = format_timestamp(run.now())
    _check_may_hold(run, pair)
    begin_registration(run, pair.source)
    register(run, pair, now)
    # Once more: a run that was registered a moment earlier may have begun to write.
    held = _recorded(run, pair, now) if not _check_may_hold(run, pair) else {"items_before": 0}
    fact = {
        "status": "loading",
        "started": started,
        "binding": binding,
        "on_non_empty": run.config.import_.on_non_empty,
        "recovery": is_on(run.clients.target, pair.target) if held["items_before"] else None,
        **held,
    }
    run.ledger.put("import", pair.source, fact)
    return fact


def end_writing(run: Run, pair: Pair) -> None:
    """After the last write to a table, see to it that whoever else writes to it knows of this run."""
    now = describe_table(run.clients.target, pair.target)
    binding = (run.ledger.get("import", pair.source) or {}).get("binding") or {}
    if now is not None and binding.get("target_table_id") == table_identity(now):
        stay_registered(run, pair, now)


def _recorded(run: Run, pair: Pair, table: TableDescription) -> Fact:
    return record_held(run, pair.source, pair.target, table.key)


def _check_may_hold(run: Run, pair: Pair) -> bool:
    """Whether the target is empty; raises GateFailed where it holds items and may not."""
    if is_empty(run.clients.target, pair.target):
        return True
    if run.config.import_.on_non_empty == "fail":
        raise GateFailed(
            f"target {pair.target} should be empty, as import.on_non_empty is 'fail', and holds items; "
            "nothing was written"
        )
    if run.config.import_.on_non_empty == "overwrite" and not recovery_of(run.clients.target, pair.target).on:
        raise GateFailed(
            f"target {pair.target} holds items, and 'overwrite' needs point-in-time recovery on it, which is off; "
            "nothing was written: turn recovery on, or empty the table"
        )
    return False
