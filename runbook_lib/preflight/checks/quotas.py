"""What AWS and this machine can take: exports at once, write capacity, the budget, free disk, the clock."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runbook_lib.aws.account import AccountLimits, account_limits, running_exports, server_time
from runbook_lib.config.check_ids import CheckId
from runbook_lib.cost.limits import within_limits
from runbook_lib.plan.check import BLOCKER, WARNING, Check, ok, run_check, unknown
from runbook_lib.preflight.checks.context import CheckContext
from runbook_lib.run.facts.estimate import Estimate

EXPORTS_AT_ONCE = 300  # "Service, account, and table quotas in Amazon DynamoDB", Developer Guide
SPOOLED_FILES = 4  # data files of that size on disk at once, at most
LARGEST_FILE = 3 << 30  # compressed; AWS writes at least one file per partition of 10 GB
FOLDER_BYTES = 200 << 20  # ledger, notebooks and report of a run
SKEW_WARNING, SKEW_BLOCKER = 30.0, 300.0  # AWS refuses signatures that are five minutes off


def of_quotas(context: CheckContext, planned: Estimate) -> Iterator[Check]:
    """All looks at limits."""
    yield _exports(context)
    yield run_check(
        Check(CheckId.WRITE_CAPACITY, "target", WARNING, "tables within the account's limits", "",
              "ask AWS for a higher quota, or lower the tables' capacity"),
        lambda c: _capacity(context, c),
    )  # fmt: skip
    yield from within_limits(context.config.limits.max_cost_usd, context.config.limits.max_hours, planned)
    for place in context.places:
        yield _disk(place, planned)
    yield _clock(context)


def _exports(context: CheckContext) -> Check:
    wanted = sum(pair.method == "export" for pair in context.pairs)
    check = Check(
        CheckId.EXPORTS_AT_ONCE, "source", WARNING, f"at most {EXPORTS_AT_ONCE} exports in the account", "",
        "nothing to do: the run waits for its turn, which takes longer",
    )  # fmt: skip
    if not wanted:
        return ok(check, "none is needed")

    def found(c: Check) -> Check:
        running, whole = running_exports(context.clients.source)
        words = f"{'' if whole else 'at least '}{running} running now, {wanted} wanted"
        return ok(c, words) if whole and running + wanted <= EXPORTS_AT_ONCE else replace(c, found=words)

    return run_check(check, found)


def _capacity(context: CheckContext, check: Check) -> Check:
    limits: AccountLimits = account_limits(context.clients.target)
    units = {
        pair.target: stand.write_units + sum(stand.index_units.values())
        for pair in context.pairs
        if (stand := context.capacities[pair.source].to_fill) is not None and stand.write_units
    }
    words = f"{limits.table_writes:,} write units for a table, {limits.account_writes:,} for all that are provisioned"
    above = [name for name, most in units.items() if most > limits.table_writes]
    if above or sum(units.values()) > limits.account_writes:
        return replace(check, found=f"{words}; the plan's have {sum(units.values()):,}, above it {', '.join(above)}")
    return ok(check, f"{words}; the plan's provisioned tables have {sum(units.values()):,}")


def _disk(place: Path, planned: Estimate) -> Check:
    """Room for the files that are being read, which lie in the temporary directory, and for the run folder."""
    sizes = sorted((work.bytes or 0 for work in planned.tables), reverse=True)
    need = FOLDER_BYTES + min(sum(sizes), SPOOLED_FILES * LARGEST_FILE)
    named = "temporary directory" if place == Path(tempfile.gettempdir()) else "run folder"
    check = Check(
        CheckId.FREE_DISK, named, BLOCKER, f"{_megabytes(need)} MB free", "",
        "free some, or let TMPDIR or RUNBOOK_REPORTS name another place",
    )  # fmt: skip
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return unknown(check, f"{error}")
    found = f"{_megabytes(free):,} MB free"
    return ok(check, found) if free >= need else replace(check, found=found)


def _megabytes(size: int) -> int:
    return math.ceil(size / (1 << 20))


def _clock(context: CheckContext) -> Check:
    check = Check(
        CheckId.CLOCK, "this machine", BLOCKER, f"a clock within {SKEW_WARNING:g} s of the server's", "",
        "set the clock: signatures and export times depend on it",
    )  # fmt: skip

    def found(c: Check) -> Check:
        skew = abs((context.now() - server_time(context.clients.source)).total_seconds())
        if skew <= SKEW_WARNING:
            return ok(c, "it agrees")
        return replace(c, found=f"{skew:,.0f} s apart", status=BLOCKER if skew >= SKEW_BLOCKER else WARNING)

    return run_check(check, found)
