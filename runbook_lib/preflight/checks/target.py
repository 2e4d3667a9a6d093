"""The target: that it is the table it should be, and what loading items into it would set off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity, kinesis_streams, triggers
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, is_empty, ttl_attribute
from runbook_lib.aws.s3.registers import NoTags, register_tag
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import TableError
from runbook_lib.plan.check import BLOCKER, OK, WARNING, Check, ok, run_check, unknown
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.preflight.checks.context import CheckContext
from runbook_lib.preflight.checks.names import is_same_table
from runbook_lib.run.witnesses.writers.named_register import UNREGISTERED
from runbook_lib.schema.words import spell_key


def of_target(context: CheckContext, pair: Pair) -> Iterator[Check]:
    """All looks at one target table; without a table there is nothing more to look at."""
    yield _there(context, pair)
    target = pair.target_facts
    if target is None:
        return
    yield _place(context, pair, target)
    if pair.source_facts is not None:
        yield _key(pair, pair.source_facts, target)
    yield _active(context, pair, target)
    if not context.deep:
        return
    if target.status == "ACTIVE" and not is_same_table(context, pair):
        yield _empty(context, pair)
        yield _undoable(context, pair)
    stand = context.capacities[pair.source].target
    if stand is not None:
        yield _stream(pair, target)
        yield _triggers(context, pair, stand)
        yield _kinesis(context, pair)
        yield _replicas(pair, stand)
    yield _ttl(context, pair)
    if pair.method != Method.SKIP and not context.config.validate_.without_import:
        yield _register(context, pair, target)


def _there(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.TARGET_TABLE, pair.target, BLOCKER, f"the target table in {context.config.target.region}",
        "no such table",
        "create it with the keys of its source (runbook schema writes the definition), or set tables.create_missing",
        configuration=True, essential=True,
    )  # fmt: skip
    if why := context.unread.get(("target", pair.source)):
        return unknown(replace(check, configuration=False), why, "allow dynamodb:DescribeTable on it")
    if pair.target_facts is not None:
        return ok(check, pair.target_facts.status)
    if pair.method == Method.SKIP:
        return replace(ok(check, "no such table"), expected="no target, as the table is not migrated")
    if pair.writing == Writing.IMPORT_TABLE:
        words = f"ImportTable will make it as its source is: {pair.why}"
        return replace(check, status=WARNING, remedy=words, configuration=False)
    if context.config.tables.create_missing and pair.source_facts is not None:
        words = "it will be created as its source is, as tables.create_missing says"
        return replace(check, status=WARNING, remedy=words, configuration=False)
    return check


def _place(context: CheckContext, pair: Pair, target: TableDescription) -> Check:
    who = context.clients.target_identity
    check = Check(
        CheckId.ACCOUNT_AND_REGION, pair.target, BLOCKER, f"a table of {who.account}/{who.region}", target.arn,
        "correct the target's profile, role or region", configuration=True,
    )  # fmt: skip
    if who.arn is None:
        return unknown(check, "the server has no STS that says whose it is")
    return ok(check, f"{who.account}/{who.region}") if target.arn.split(":")[3:5] == who.place else check


def _key(pair: Pair, source: TableDescription, target: TableDescription) -> Check:
    check = Check(
        CheckId.KEY, pair.target, BLOCKER, f"the key {spell_key(source.key)} of {pair.source}", spell_key(target.key),
        "keys cannot be changed: create the target again", configuration=True,
    )  # fmt: skip
    return ok(check, spell_key(target.key)) if source.key == target.key else check


def _active(context: CheckContext, pair: Pair, target: TableDescription) -> Check:
    check = Check(CheckId.ACTIVE, pair.target, BLOCKER, "an ACTIVE target", target.status, "wait and run again")
    if target.status == "CREATING" and pair.writing == Writing.IMPORT_TABLE and context.is_ours(pair):
        return ok(check, "being filled by the ImportTable of this run")
    return ok(check, "ACTIVE") if target.status == "ACTIVE" else check


def _empty(context: CheckContext, pair: Pair) -> Check:
    policy = context.config.import_.on_non_empty
    check = Check(
        CheckId.EMPTY, pair.target, BLOCKER, "an empty target, as import.on_non_empty is 'fail'", "items in it",
        "empty it, or set import.on_non_empty to append, overwrite or sync", essential=True,
    )  # fmt: skip
    if policy != "fail":
        return Check(
            CheckId.EMPTY, pair.target, OK, f"any target, as import.on_non_empty is '{policy}'", "not looked at"
        )
    if context.config.validate_.without_import:
        return Check(CheckId.EMPTY, pair.target, OK, "any target, as validate.without_import is on", "not looked at")
    if context.is_ours(pair):
        return ok(check, "this run has written to it")
    return run_check(check, lambda c: ok(c, "empty") if is_empty(context.clients.target, pair.target) else c)


def _undoable(context: CheckContext, pair: Pair) -> Check:
    """What is replaced can only be had back from point-in-time recovery."""
    policy = context.config.import_.on_non_empty
    check = Check(
        CheckId.UNDO, pair.target, BLOCKER,
        f"point-in-time recovery, as import.on_non_empty is '{policy}' and items are in it", "it is off",
        "turn it on, so that what is replaced can be restored", essential=True,
    )  # fmt: skip
    if policy not in ("overwrite", "sync"):
        return Check(CheckId.UNDO, pair.target, OK, "a way back for items that are replaced", "none is replaced")
    if context.is_ours(pair):
        return ok(check, "this run has written to it, so it was checked then")

    def found(c: Check) -> Check:
        if recovery_of(context.clients.target, pair.target).on:
            return ok(c, "on")
        return ok(c, "empty") if is_empty(context.clients.target, pair.target) else c

    return run_check(check, found)


def _stream(pair: Pair, target: TableDescription) -> Check:
    check = Check(
        CheckId.STREAM, pair.target, WARNING, "no stream while items are loaded", "",
        "every loaded item reaches its consumers; check what is attached to it",
    )  # fmt: skip
    return _if_any(check, [target.stream] if target.stream else [], "a {} stream")


def _triggers(context: CheckContext, pair: Pair, stand: TableCapacity) -> Check:
    check = Check(
        CheckId.TRIGGERS, pair.target, WARNING, "no function that is called for each loaded item", "",
        "detach them while items are loaded, or be sure that they may run once for every item",
    )  # fmt: skip
    if stand.stream_arn is None:
        return ok(check, "none: it has no stream")
    stream = stand.stream_arn

    def found(c: Check) -> Check:
        return _if_any(c, triggers(context.clients.service("target", "lambda"), stream), "Lambda {}", "none in Lambda")

    return run_check(check, found)


def _kinesis(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.KINESIS_STREAMS, pair.target, WARNING, "no Kinesis stream that hears of each loaded item", "",
        "every loaded item reaches its consumers, and is paid for; disable it while items are loaded",
    )  # fmt: skip
    return run_check(check, lambda c: _if_any(c, kinesis_streams(context.clients.target, pair.target), "Kinesis {}"))


def _replicas(pair: Pair, stand: TableCapacity) -> Check:
    check = Check(
        CheckId.REPLICAS, pair.target, WARNING, "a table in one region", "",
        "every write is repeated, and charged, in each of them",
    )  # fmt: skip
    return _if_any(check, stand.replicas, "replicas in {}")


def _if_any(check: Check, attached: Sequence[str], words: str, none: str = "none") -> Check:
    """The check, which warns of what is attached to a table, if anything is."""
    return replace(check, found=words.format(", ".join(attached))) if attached else ok(check, none)


def _ttl(context: CheckContext, pair: Pair) -> Check:
    check = Check(
        CheckId.TIME_TO_LIVE, pair.target, WARNING, "no TTL while items are loaded", "",
        "items past their time are removed as they are loaded, and then counted as expired",
    )  # fmt: skip

    def found(c: Check) -> Check:
        attribute = ttl_attribute(context.clients.target, pair.target)
        return ok(c, "off") if attribute is None else replace(c, found=f"on, by {attribute}")

    return run_check(check, found)


def _register(context: CheckContext, pair: Pair, target: TableDescription) -> Check:
    """Where the tag cannot be read, the import does not begin; without tags on the server, nobody has named one."""
    check = Check(
        CheckId.REGISTER, pair.target, OK, "tags that say where the runs that have written to it are registered", "",
        f"allow dynamodb:ListTagsOfResource on it; nothing is written without it. {UNREGISTERED}",
    )  # fmt: skip
    try:
        return ok(check, register_tag(context.clients.target, target.arn) or "no run is registered")
    except NoTags as error:
        return ok(check, f"the server has no tags, so a cleanup of this run will refuse ({error})")
    except TableError as error:
        return unknown(check, str(error), check.remedy)
