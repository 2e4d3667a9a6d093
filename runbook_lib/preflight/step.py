"""The look at both sides before anything happens: what would move, at what cost, and everything in its way.

Reads both sides and changes neither. All looks are made and kept; nothing stops at the first, and what could not
be looked at says so. What is looked at stands in `checks`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from runbook_lib.aws.dynamodb.backups import Recovery, recovery_of
from runbook_lib.aws.dynamodb.describe.capacity import describe_capacity
from runbook_lib.aws.guard.reading_calls import STREAM_READS
from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.model import Migration
from runbook_lib.cost.estimate import estimate
from runbook_lib.cost.reestimate import known_size
from runbook_lib.errors import ConfigError, ForbiddenCall
from runbook_lib.paths import reports_root
from runbook_lib.plan.check import Check, together, why_not
from runbook_lib.plan.naming import wants_recovery
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.before import keep_before
from runbook_lib.preflight.checks import bucket, names, permissions, quotas, rules, source, strategy, target
from runbook_lib.preflight.checks.context import CheckContext, concern
from runbook_lib.preflight.checks.references import look_for_references, of_references
from runbook_lib.preflight.checks.source_stream import of_source_stream
from runbook_lib.preflight.chosen import chosen_tables
from runbook_lib.preflight.hold_to_plan import hold_pre_flight_to_plan
from runbook_lib.preflight.keep_plan import keep_plan
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.write_strategy import choose
from runbook_lib.run.admission.admit import is_begun
from runbook_lib.run.facts.estimate import Estimate
from runbook_lib.run.facts.export import EXPORTS, ExportFact
from runbook_lib.run.facts.plan import TableCapacities
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.source_ttl import keep_source_ttl
from runbook_lib.schema.compare_pair import look_alike, parity_checks

LOOKS_AT_ONCE = 8
Found = TypeVar("Found")


@dataclass(slots=True)
class Look:
    """One table as it was found on both sides; `unread` are the looks that failed, and why."""

    pair: Pair
    capacities: TableCapacities
    recovery: Recovery
    unread: dict[tuple[str, str], str]


def preflight(run: Run) -> Plan:
    """Make the run's plan, or check it again, and keep it in the ledger.

    Blockers are returned, not raised: the gate after it shows them all.
    """
    clients = run.clients.asked_once()
    looked = None if is_begun(run.folder) else plan_of(run, clients)  # what it raises for leaves no trace of a new run
    with run.step("preflight"):
        run.keep_accepted()
        plan = looked or plan_of(run, clients)
        hold_pre_flight_to_plan(run, lambda: as_executed(run, plan, clients))
        keep_plan(run, plan)
        keep_before(run, plan, clients)
        keep_source_ttl(run, plan.pairs, clients)
        return plan


def plan_of(
    run: Run, clients: Clients | None = None, *, around: bool = True, execute: bool | None = None, deep: bool = True
) -> Plan:
    """The plan of a run as both sides look now; its tables are kept, and the methods of those begun.

    Unless it looks `around`, nobody is asked who names the tables, which stands in the way of no run. `execute` makes
    it that of a run which may write, or may not, whatever this one may. Unless it looks `deep`, nothing is asked of a
    table but what a migration file can be wrong in.
    """
    return make_plan(
        run.config, clients or run.clients.asked_once(), run.only, run.pairs(), run.has_written_to,
        EXPORTS.all(run.ledger), run.execute if execute is None else execute, run.now, around=around, deep=deep,
    )  # fmt: skip


def as_executed(run: Run, plan: Plan, clients: Clients | None = None) -> Plan:
    """The plan of a run that may write, as a plan file has it: only then recovery of a source is turned on."""
    same = run.execute or not run.config.export.enable_pitr
    return plan if same else plan_of(run, clients, around=False, execute=True)


def make_plan(
    config: Migration,
    clients: Clients,
    only: str = "*",
    planned: Iterable[Pair] = (),
    is_ours: Callable[[Pair], bool] = lambda pair: False,
    exports: Mapping[str, ExportFact] = MappingProxyType({}),
    execute: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    around: bool = True,
    deep: bool = True,
) -> Plan:
    """Look at both sides and say what would happen.

    `planned` are the pairs of an earlier start of the same run: they are looked at again and neither added to
    nor taken from. `is_ours(pair)` tells a target that this run has written to, `exports` are those that this
    run has begun. Raises ConfigError where no table is left to look at.
    """
    earlier = {pair.source: pair for pair in planned}
    picked = chosen_tables(config, clients, only, earlier)
    chosen, existing, reuses = picked.targets, picked.existing, picked.reuses
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        looks = list(
            pool.map(lambda n: _look(config, clients, n, chosen[n], reuses.get(n), existing, execute), sorted(chosen))
        )
        for each in looks:
            if each.pair.source in earlier and each.pair.source in exports:
                each.pair = replace(each.pair, method=earlier[each.pair.source].method)
            if (held := earlier.get(each.pair.source)) and held.reuse is not None:
                each.pair = replace(each.pair, method=held.method, reuse=held.reuse)
        context = replace(_scene(config, clients, looks, is_ours, now), deep=deep)
        exported = {source: made for source, fact in exports.items() if (made := fact.completed) is not None}
        ways = _ways_of_writing(context, earlier)
        context = replace(context, pairs=ways, sources=picked.sources, reuses=reuses, exported=exported)
        bill = _bill(context)
        found = [*names.mistakes(picked.mistakes), *names.rules_of_others(picked.idle)]
        found += [*rules.of_rules(context), *names.one_source_each(context), *names.warm_target_names(context)]
        for of_pair in pool.map(
            lambda pair: [replace(c, source=pair.source) for c in _of_pair(context, pair)], context.pairs
        ):
            found += of_pair
        parities = list(pool.map(lambda pair: look_alike(config, clients, pair, deep=deep), context.pairs))
    for pair, parity in zip(context.pairs, parities, strict=True):
        found += parity_checks(pair, parity)
    same = {pair.source: parity for pair, parity in zip(context.pairs, parities, strict=True) if parity}
    found += concern(CheckId.BUCKET, f"s3://{config.staging.bucket}", "", bucket.of_bucket(context, bill))
    found += concern(CheckId.PERMISSIONS, "both sides", "", permissions.of_identities(context))
    found += concern(CheckId.WRITE_CAPACITY, "the run", "", quotas.of_quotas(context, bill))
    named = look_for_references(context) if around else None
    found += concern(CheckId.REFERENCES, "both sides", "", of_references(named))
    return Plan.of(context.pairs, found, bill, context.capacities, same, picked.not_chosen, named)


def _bill(context: CheckContext) -> Estimate:
    return estimate(
        context.config,
        [known_size(pair, is_ours=context.is_ours(pair)) for pair in context.pairs if pair.method != "skip"],
        context.capacities,
    )


def _ways_of_writing(context: CheckContext, earlier: dict[str, Pair]) -> tuple[Pair, ...]:
    """The pairs, each with the way it is written; a table that has been begun keeps its own."""
    works = {work.source: work for work in _bill(context).tables}

    def with_way(pair: Pair) -> Pair:
        known = earlier.get(pair.source)
        if known and context.is_ours(pair):
            return replace(pair, writing=known.writing, why=known.why)
        chosen = choose(context.config, pair, works.get(pair.source), context.capacities[pair.source])
        return replace(pair, writing=chosen.writing, why=chosen.why)

    return tuple(with_way(pair) for pair in context.pairs)


def _scene(
    config: Migration,
    clients: Clients,
    looks: list[Look],
    is_ours: Callable[[Pair], bool],
    now: Callable[[], datetime],
) -> CheckContext:
    """All looks together, the tables in the order of their import."""
    looks = sorted(looks, key=lambda k: (k.pair.source_facts.items_hint if k.pair.source_facts else 0, k.pair.source))
    return CheckContext(
        config=config,
        clients=clients,
        pairs=tuple(each.pair for each in looks),
        capacities={each.pair.source: each.capacities for each in looks},
        recoveries={each.pair.source: each.recovery for each in looks},
        unread={key: why for each in looks for key, why in each.unread.items()},
        is_ours=is_ours,
        now=now,
        places=tuple(sorted({Path(tempfile.gettempdir()), _existing(reports_root())})),
        streams=cache(lambda: reading_client(clients, "source", "dynamodbstreams", STREAM_READS)),
    )


def _existing(folder: Path) -> Path:
    """The folder or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _look(
    config: Migration,
    clients: Clients,
    name: str,
    to: str,
    reuse: Reuse | None,
    existing: frozenset[str],
    execute: bool,
) -> Look:
    """Look at one table on both sides; what cannot be read is noted and the rest is looked at."""
    unread: dict[tuple[str, str], str] = {}

    def read(what: str, call: Callable[[], Found | None]) -> Found | None:
        try:
            return call()
        except ForbiddenCall:
            raise
        except Exception as error:
            unread[what, name] = why_not(error)
            return None

    here = read("source", lambda: describe_capacity(clients.source, name)) if name in existing else None
    there = read("target", lambda: describe_capacity(clients.target, to)) if names.VALID.fullmatch(to) else None
    recovery, scanned = Recovery(False), config.export.asked_for(name) == "scan"
    if reuse is None and not scanned and name in existing:
        recovery = read("recovery", lambda: recovery_of(clients.source, name)) or recovery
    method = Method.REUSE if reuse else Method(config.export.method_of(name, recovered=recovery.on))
    if (
        method not in (Method.REUSE, Method.EXPORT) and not scanned
        and execute and wants_recovery(config.export.enable_pitr, name)
    ):  # fmt: skip
        method = Method.EXPORT
    pair = Pair(name, to, method, reuse, here[0] if here else None, there[0] if there else None)
    return Look(pair, TableCapacities(here[1] if here else None, there[1] if there else None), recovery, unread)


def _of_pair(context: CheckContext, pair: Pair) -> Iterator[Check]:
    yield from concern(CheckId.SOURCE_TABLE, pair.source, pair.source, source.of_source(context, pair))
    yield from concern(CheckId.SOURCE_STREAM, pair.source, pair.source, of_source_stream(context, pair))
    yield from concern(CheckId.WAY_OF_WRITING, pair.source, pair.source, strategy.of_strategy(context, pair))
    yield names.valid(pair)
    if names.VALID.fullmatch(pair.target):
        yield from concern(CheckId.TARGET_TABLE, pair.target, pair.source, target.of_target(context, pair))
    if pair.target_facts is not None:
        yield names.other_than_source(context, pair)
        yield names.not_production(context, pair)


def refuse_misconfigured(plan: Plan) -> None:
    """Raise ConfigError if nothing but the configuration stands in the way, naming all of it.

    Where the world does too, a run shows everything together and fails.
    """
    if plan.blockers and all(b.configuration for b in plan.blockers):
        raise ConfigError("\n".join(together(plan.blockers)))
