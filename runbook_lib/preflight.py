"""The look at both sides before anything happens: what would move, and everything that stands in its way.

Reads both sides and changes neither. All obstacles are collected; nothing stops at the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from runbook_lib.aws import objects, tables
from runbook_lib.aws.clients import Clients
from runbook_lib.aws.tables import TableFacts
from runbook_lib.before import creation_notice, keep_before, overwrite_obstacle, will_be_created
from runbook_lib.config import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.plan import Obstacle, Pair, Plan, select_tables, spell_key
from runbook_lib.reuse import Reuse, find_reuse
from runbook_lib.run import Run

LOOKS_AT_ONCE = 8


def preflight(run: Run) -> Plan:
    """Make the run's plan, or look at it again, and keep it in the ledger.

    Blockers are returned, not raised: the gate after it shows them all.
    """
    with run.step("preflight"):
        plan = plan_of(run)
        run.keep_plan(plan)
        keep_before(run, plan)
        return plan


def plan_of(run: Run) -> Plan:
    """The plan of a run as both sides look now; an earlier start's tables and methods are kept."""
    return make_plan(run.config, run.clients, run.only, run.pairs(), run.has_written_to)


def make_plan(
    config: Migration,
    clients: Clients,
    only: str = "*",
    planned: Iterable[Pair] = (),
    is_ours: Callable[[Pair], bool] = lambda pair: False,
) -> Plan:
    """Look at both sides and say what would happen.

    `planned` are the pairs of an earlier start of the same run: they are looked at again and
    neither added to nor taken from. `is_ours(pair)` tells a target that this run has written to.
    """
    earlier = {pair.source: pair for pair in planned}
    reuses = find_reuse(config, clients)
    existing = set(tables.list_tables(clients.source))
    if earlier:
        names = {pair.source: pair.target for pair in earlier.values()}
    else:
        names = select_tables(config, existing | set(reuses), only)
    pool = ThreadPoolExecutor(LOOKS_AT_ONCE)
    with pool:
        looked = list(pool.map(lambda n: _look(config, clients, n, names[n], reuses.get(n), existing), sorted(names)))
        pairs = [replace(p, method=earlier[p.source].method) if p.source in earlier else p for p in looked]
        blockers = [*_shared_targets(pairs), *_staging(config, clients)]
        for found in pool.map(lambda p: _blockers(config, clients, p, is_ours(p)), pairs):
            blockers += found
    pairs.sort(key=lambda p: (p.source_facts.items_hint if p.source_facts else 0, p.source))
    return Plan(tuple(pairs), tuple(blockers), tuple(w for p in pairs for w in _warnings(config, p)))


def _look(
    config: Migration, clients: Clients, source: str, target: str, reuse: Reuse | None, existing: set[str]
) -> Pair:
    method = "reuse"
    if reuse is None:
        pitr = tables.has_pitr(clients.source, source)
        method = "export" if pitr else config.export.without_pitr
    return Pair(
        source=source,
        target=target,
        method=method,
        reuse=reuse,
        source_facts=tables.describe_table(clients.source, source) if source in existing else None,
        target_facts=tables.describe_table(clients.target, target),
    )


def _shared_targets(pairs: list[Pair]) -> list[Obstacle]:
    counts = Counter(pair.target for pair in pairs)
    return [
        Obstacle(
            target,
            "one source for each target",
            "sources " + ", ".join(p.source for p in pairs if p.target == target),
            "their items would be mixed; change tables.rename or tables.overrides",
            configuration=True,
        )
        for target, count in counts.items()
        if count > 1
    ]


def _staging(config: Migration, clients: Clients) -> list[Obstacle]:
    staging = config.staging
    found = objects.check_bucket(clients.staging, staging.bucket, staging.region, staging.bucket_owner)
    if found is None:
        return []
    return [
        Obstacle(
            f"s3://{staging.bucket}",
            f"a bucket in {staging.region} that the exports are written to",
            found,
            "create it, or correct 'staging' in the configuration",
            configuration=True,
        )
    ]


def _blockers(config: Migration, clients: Clients, pair: Pair, ours: bool) -> list[Obstacle]:
    source, target, found = pair.source_facts, pair.target_facts, []
    if pair.method == "fail":
        found.append(
            Obstacle(pair.source, "point-in-time recovery, as export.without_pitr is 'fail'", "it is off",
                     "turn it on, or set export.without_pitr to scan or skip")
        )  # fmt: skip
    if source is None and pair.reuse is None:
        found.append(Obstacle(pair.source, "the source table", "it is gone", "restore it or start a new run", True))
    if will_be_created(config, pair):
        return found
    if target is None:
        found.append(
            Obstacle(pair.target, f"the target table in {config.target.region}", "no such table",
                     f"create it with the keys of {pair.source} (runbook schema writes the definition), or set "
                     "tables.create_missing", True)
        )  # fmt: skip
        return found
    if source is not None and _same_table(config, clients, source, target):
        found.append(
            Obstacle(pair.target, "a target other than the source", "the same table",
                     "change the target's region, profile or name", True)
        )  # fmt: skip
        return found
    if source is not None and source.key != target.key:
        found.append(
            Obstacle(pair.target, f"the key {spell_key(source)} of {pair.source}", spell_key(target),
                     "keys cannot be changed: create the target again", True)
        )  # fmt: skip
    if target.status != "ACTIVE":
        found.append(Obstacle(pair.target, "an ACTIVE target", target.status, "wait and run again"))
    elif config.import_.on_non_empty == "fail" and not ours and not tables.is_empty(clients.target, pair.target):
        found.append(
            Obstacle(pair.target, "an empty target, as import.on_non_empty is 'fail'", "items in it",
                     "empty it, or set import.on_non_empty to append or overwrite")
        )  # fmt: skip
    elif not ours:
        found += overwrite_obstacle(config, clients, pair)
    return found


def _same_table(config: Migration, clients: Clients, source: TableFacts, target: TableFacts) -> bool:
    if source.table_id and source.table_id == target.table_id:
        return True
    one, other = clients.source_identity, clients.target_identity
    return source.arn == target.arn and one.endpoint == other.endpoint


def _warnings(config: Migration, pair: Pair) -> list[Obstacle]:
    found, target = creation_notice(config, pair), pair.target_facts
    if target is not None and target.stream:
        found.append(
            Obstacle(pair.target, "no stream while items are loaded", f"a {target.stream} stream",
                     "every loaded item reaches its consumers; check what is attached to it")
        )  # fmt: skip
    if pair.reuse is not None and pair.reuse.table != pair.source:
        found.append(
            Obstacle(pair.source, "an export of this table", f"an export of {pair.reuse.table}",
                     "it is used because the configuration names it")
        )  # fmt: skip
    if pair.method == "skip":
        found.append(
            Obstacle(pair.source, "point-in-time recovery", "it is off and export.without_pitr is 'skip'",
                     "the table is NOT MIGRATED and the run cannot pass")
        )  # fmt: skip
    return found


def refuse_misconfigured(plan: Plan) -> None:
    """Raise ConfigError with every obstacle that a correct configuration would not have."""
    wrong = [str(b) for b in plan.blockers if b.configuration]
    if wrong:
        raise ConfigError("\n".join(wrong))


def check_confirmation(confirmation: str, clients: Clients) -> None:
    """Raise ConfigError unless the text spells the account and region that would be written."""
    who = clients.target_identity
    expected = f"{who.account}/{who.region}"
    if confirmation != expected:
        raise ConfigError(
            f"confirm_target: expected {expected!r}, which is the target these credentials reach, found "
            f"{confirmation!r}; nothing was written. Spell it in the configuration to allow writing"
        )
