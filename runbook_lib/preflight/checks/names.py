"""Names: that no two sources meet in one target, none is its own target, and none looks like production."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import BLOCKER, OK, WARNING, Check, ok
from runbook_lib.plan.pair import Pair
from runbook_lib.preflight.checks.context import CheckContext

VALID = re.compile(r"[A-Za-z0-9_.-]{3,255}")
# As a word of its own: "delivery" is not live, "reproduce" not prod.
PRODUCTION = re.compile(r"(?:^|[^a-z])(prod|production|prd|live)(?:[^a-z]|$)", re.IGNORECASE)
MANY_ITEMS = 1_000_000


def mistakes(found: Sequence[str]) -> Iterator[Check]:
    """What is wrong with the selection and renaming of tables, or with a reused export."""
    for mistake in found:
        yield Check(
            CheckId.SELECTION, "migration file", BLOCKER, "every table and pattern in it to fit the source", mistake,
            "correct this in the file", configuration=True,
        )  # fmt: skip


def rules_of_others(found: Sequence[str]) -> Iterator[Check]:
    """Filters and rules that mask and are for none of the tables that were chosen, but for others of the file."""
    for told in found:
        yield Check(
            CheckId.SELECTION, "migration file", WARNING, "every filter and every rule that masks to fit a table",
            told, "be sure that it is for a table that this run leaves out",
        )  # fmt: skip


def one_source_each(context: CheckContext) -> Iterator[Check]:
    """Two sources of one target would be mixed, also by two runs that choose one table each."""
    all_of = {pair.source: pair.target for pair in context.pairs} | dict(context.sources)
    for target in dict.fromkeys(pair.target for pair in context.pairs):
        check = Check(CheckId.ONE_SOURCE, target, OK, "one source for each target", "one")
        named = sorted(source for source, to in all_of.items() if to == target)
        if len(named) > 1:
            yield Check(
                CheckId.ONE_SOURCE, target, BLOCKER, "one source for each target", "sources " + ", ".join(named),
                "their items would be mixed; change tables.rename or tables.overrides", configuration=True,
            )  # fmt: skip
        else:
            yield check


def valid(pair: Pair) -> Check:
    """The target's name is one that DynamoDB takes."""
    check = Check(
        CheckId.TARGET_NAME, pair.target, BLOCKER, "3 to 255 letters, digits, dots, dashes and underscores",
        f"{len(pair.target)} characters" if len(pair.target) not in range(3, 256) else "other characters",
        "change tables.rename or tables.overrides", configuration=True,
    )  # fmt: skip
    return ok(check, pair.target) if VALID.fullmatch(pair.target) else check


def other_than_source(context: CheckContext, pair: Pair) -> Check:
    """The target is no source: neither the pair's own nor that of another pair, and no replica of any of them."""
    check = Check(
        CheckId.ANOTHER_TABLE, pair.target, BLOCKER, "a target other than the source", "the same table",
        "change the target's region, profile or name", configuration=True,
    )  # fmt: skip
    if is_same_table(context, pair):
        return check
    if source := _replicated_source(context, pair):
        return replace(check, found=f"a replica of {source}: what is written to it comes back to the source")
    if _is_a_source(context, pair):
        return replace(check, found=f"{pair.target}, which is itself a source of this migration, and would be changed")
    return ok(check, "another")


def _replicated_source(context: CheckContext, pair: Pair) -> str:
    """The table that this migration reads, for whatever pair, and that is one global table with the target; else none.

    Tables of a global table have one name and one account; which regions it has, either of them says.
    """
    target, here = pair.target_facts, context.clients.source_identity
    if target is None or target.name not in {*context.sources, *(p.source for p in context.pairs)}:
        return ""
    there, account = target.arn.split(":")[3:5]
    own, of_that_name = context.capacities[pair.source].target, context.capacities.get(target.name)
    source = of_that_name.source if of_that_name else None
    known = (source is not None and there in source.replicas) or (own is not None and here.region in own.replicas)
    return target.name if known and account == here.account else ""


def _is_a_source(context: CheckContext, pair: Pair) -> bool:
    """Whether the target is a table that this migration reads, for another pair or with other --tables."""
    target = pair.target_facts
    if target is None:
        return False
    sources = [p.source_facts for p in context.pairs if p.source_facts is not None]
    if target.table_id and target.table_id in {s.table_id for s in sources}:
        return True
    places = {s.arn.rpartition("/")[0] for s in sources}
    one_server = context.clients.source_identity.endpoint == context.clients.target_identity.endpoint
    return one_server and target.arn.rpartition("/")[0] in places and target.name in context.sources


def is_same_table(context: CheckContext, pair: Pair) -> bool:
    source, target = pair.source_facts, pair.target_facts
    if source is None or target is None:
        return False
    if source.table_id and source.table_id == target.table_id:
        return True
    one, other = context.clients.source_identity, context.clients.target_identity
    return source.arn == target.arn and one.endpoint == other.endpoint


def not_production(context: CheckContext, pair: Pair) -> Check:
    """The target does not look like somebody's production."""
    side, facts = context.config.target, pair.target_facts
    stand = context.capacities[pair.source].target if pair.source in context.capacities else None
    signs = [
        f"{what} {text!r} has {match[1]!r} in it"
        for what, text in (("table", pair.target), ("profile", side.profile), ("role", side.role_arn))
        if text and (match := PRODUCTION.search(text))
    ]
    if stand and stand.deletion_protection:
        signs.append("deletion protection is on")
    if facts and facts.items_hint > MANY_ITEMS and not context.is_ours(pair):
        signs.append(f"it holds about {facts.items_hint:,} items")
    check = Check(
        CheckId.NOT_PRODUCTION, pair.target, WARNING, "a target that does not look like production", "; ".join(signs),
        "be sure that this is the target you mean",
    )  # fmt: skip
    return check if signs else ok(check, "no sign of it")


def warm_target_names(context: CheckContext) -> Iterator[Check]:
    """import.warm_throughput names targets of the plan; it can only be raised, and no higher than AWS allows."""
    targets = {pair.target: context.capacities[pair.source].target for pair in context.pairs}
    for name, units in context.config.import_.warm_throughput.items():
        check = Check(
            CheckId.WARM_THROUGHPUT, name, BLOCKER, "a target of the plan, as import.warm_throughput names it",
            "no such one", "correct import.warm_throughput", configuration=True,
        )  # fmt: skip
        stand = targets.get(name)
        if name not in targets:
            yield check
        elif stand is not None:
            now = stand.warm_write_units
            yield Check(
                CheckId.WARM_THROUGHPUT, name, WARNING, "capacity that can be given back",
                f"import.warm_throughput asks for {units:,} write units per second, now {now or 'not told'}",
                "with --execute it is raised before the import, charged once, and cannot be lowered again",
            )  # fmt: skip
