"""The way a table is written: whether DynamoDB can fill it by itself, where it is asked to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.aws.dynamodb.bulk_put import LEAST_RATE
from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import BLOCKER, Check, ok
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Writing
from runbook_lib.preflight.checks.context import CheckContext
from runbook_lib.preflight.write_strategy import local_indexes


def of_strategy(context: CheckContext, pair: Pair) -> Iterator[Check]:
    """What was chosen and why, and what stands in the way of it; nothing where only writes were asked for."""
    wanted = context.config.import_.strategy
    if pair.method == "skip" or (wanted == "batch_write" and pair.writing == Writing.BATCH_WRITE):
        return
    check = Check(
        CheckId.WAY_OF_WRITING, pair.target, BLOCKER, f"a way of writing, as import.strategy is '{wanted}'", ""
    )
    yield ok(check, f"{pair.writing}: {pair.why}")
    if pair.writing == Writing.IMPORT_TABLE:
        yield _new(context, pair)
        yield _definition(pair)
        yield _not_warmed(context, pair)
    if pair.writing == Writing.BULK_PUT:
        yield _open_to_bulk_put(context, pair)
        yield _rate(context, pair)


def _new(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.MADE_BY_IMPORT_TABLE, pair.target, BLOCKER,
        "no table of that name, as ImportTable only fills tables it makes",
        "", "set import.strategy to batch_write or auto, or give the target another name", configuration=True,
    )  # fmt: skip
    if pair.target_facts is None:
        return ok(check, "no such table")
    if context.is_ours(pair):
        return ok(check, "this run's own import has made it")
    return replace(check, found=f"a table that is {pair.target_facts.status}")


def _definition(pair: Pair) -> Check:
    check = Check(
        CheckId.LOCAL_INDEXES, pair.source, BLOCKER, "a table without local indexes, which ImportTable cannot make",
        "no such table, so nothing says how to make the target",
        "set import.strategy to batch_write or auto, with tables.create_missing", configuration=True,
    )  # fmt: skip
    if pair.source_facts is None:
        return check
    if names := local_indexes(pair.source_facts):
        return replace(check, found=f"local indexes: {', '.join(names)}")
    return ok(check, "none")


def _open_to_bulk_put(context: CheckContext, pair: Pair) -> Check:
    """What AWS documents; a table that is still to be made has none of it."""
    check = Check(
        CheckId.BULK_PUT, pair.target, BLOCKER, "a table without replicas and without an index that is being made", "",
        "wait for the index, or set import.strategy to batch_write",
    )  # fmt: skip
    stand = context.capacities[pair.source].target
    found = [f"a replica in {region}" for region in stand.replicas] if stand else []
    found += [f"index {name}, which is being made" for name in stand.indexes_in_making] if stand else []
    return replace(check, found=", ".join(found)) if found else ok(check, "neither")


def _rate(context: CheckContext, pair: Pair) -> Check:
    rate = context.config.import_.max_wcu
    check = Check(
        CheckId.BULK_PUT_RATE, pair.target, BLOCKER, f"import.max_wcu of {LEAST_RATE:,} or more, or none",
        f"{rate:,.0f}" if rate is not None else "", "raise it, or set import.strategy to batch_write",
        configuration=True,
    )  # fmt: skip
    return ok(check, f"{rate:,.0f}" if rate else "none") if rate is None or rate >= LEAST_RATE else check


def _not_warmed(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.WARM_IMPORT, pair.target, BLOCKER, "no warm throughput, as ImportTable uses none",
        "import.warm_throughput names it, which would be charged for nothing", "take it out of import.warm_throughput",
        configuration=True,
    )  # fmt: skip
    return check if pair.target in context.config.import_.warm_throughput else ok(check, "none asked for")
