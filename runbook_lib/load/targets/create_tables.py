"""Create the targets that do not exist, each with the definition its source has.

A table is recorded before it is asked for and carries the run's name as a tag until its id is recorded:
whenever the process dies, the next start knows which tables are its own. What was there before, or came
from somebody else, is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb import create as aws
from runbook_lib.aws.dynamodb.describe.definition import TableDefinition, read_definition
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.outcome import Tries
from runbook_lib.errors import TableError
from runbook_lib.load.targets.scale_tables import register_scalings, scaled_capacities, scalings_of
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.plan import PAIRS
from runbook_lib.run.facts.targets import CREATED, CreatedFact, CreationStatus
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.schema.table_properties import drop_none, table_properties
from runbook_lib.timestamps import format_timestamp

MARK = "dynamodb-migration-run"
TAGS = 50  # of a table; "Tagging restrictions in DynamoDB", Developer Guide
POLL_SECONDS = 2.0
TAG_LOOKS = 15
PATIENCE_SECONDS = 1800.0


def create_missing_targets(run: Run, sleep: Sleep = time.sleep) -> dict[str, CreatedFact]:
    """Create every missing planned target, if tables.create_missing says so; returns the facts by source.

    Without `run.execute` it only says what it would create. Raises TableError when a table cannot be
    created, does not become what its source is, or was created by somebody else in the meantime.
    """
    if not run.config.tables.create_missing:
        return {}
    with run.step("create"):
        pairs = [pair for pair in run.planned_pairs() if pair.method != Method.SKIP and _is_open(run, pair)]
        if not run.execute:
            for pair in pairs:
                note(run, pair, CreationStatus.WOULD_BE_CREATED)
        elif pairs:
            check_confirmation(run.confirmation, run.clients)
            EXECUTED.record(run.ledger, True)
            _create(run, pairs, sleep)
        return CREATED.all(run.ledger)


def request_of(definition: TableDefinition, name: str, run_id: str) -> dict[str, Any]:
    """What CreateTable is asked for; the other settings follow when the table is there."""
    tags = [*definition.tags[: TAGS - 1], (MARK, run_id)]
    stream = {"StreamEnabled": True, "StreamViewType": definition.stream} if definition.stream else None
    return {
        "TableName": name,
        **table_properties(definition),
        **drop_none(
            StreamSpecification=stream,
            # The key of the source belongs to its region: the target has the one AWS manages there.
            SSESpecification={"Enabled": True, "SSEType": "KMS"} if definition.kms_key is not None else None,
            DeletionProtectionEnabled=definition.deletion_protection,
            Tags=[{"Key": key, "Value": value} for key, value in tags],
        ),
    }


def _is_open(run: Run, pair: Pair) -> bool:
    if pair.writing == Writing.IMPORT_TABLE:
        return False  # ImportTable makes it, see table_import.py
    return pair.target_facts is None or _is_asked_for(CREATED.of(run.ledger, pair.source))


def _is_asked_for(known: CreatedFact | None) -> bool:
    """Whether a table is on its way that this run has begun to make."""
    return known is not None and known.status in (CreationStatus.ASKED_FOR, CreationStatus.CREATING)


def note(run: Run, pair: Pair, status: CreationStatus, **known: Any) -> None:
    """Record what became of a table that this run makes; `known` are members of CreatedFact that are known now."""
    fact = CREATED.of(run.ledger, pair.source) or CreatedFact(pair.target, status)
    CREATED.record(run.ledger, pair.source, replace(fact, status=status, at=format_timestamp(run.now()), **known))


def _create(run: Run, pairs: list[Pair], sleep: Sleep) -> None:
    """All are asked for before any is waited for: a table takes seconds, or minutes with many indexes."""
    client = run.clients.creator(frozenset(p.target for p in pairs))
    try:
        definitions = {p.source: _read(run.clients.source, p.source, sleep) for p in pairs}
        for pair in pairs:
            _ask_for(run, client, pair, definitions[pair.source], sleep)
        for pair in pairs:
            _settle(run, client, pair, definitions[pair.source], sleep)
    finally:
        client.close()


def _ask_for(run: Run, client: Any, pair: Pair, definition: TableDefinition, sleep: Sleep) -> None:
    """Make sure that the table is there and is this run's own, and record its id."""
    known = CREATED.of(run.ledger, pair.source)
    asked = _is_asked_for(known)
    found = _present(client, pair.target, sleep)
    if found is not None and not asked:
        raise TableError(
            f"{pair.target} was missing at the pre-flight and is there now, created by somebody else; "
            "nothing was written, run 00_preflight again"
        )
    note(run, pair, CreationStatus.ASKED_FOR)
    tries = Tries(client, "CreateTable")
    ours = found is not None and known is not None and table_identity(found) == known.table_id
    try:
        if found is None:
            ours = _request(run, client, pair, request_of(definition, pair.target, run.id), sleep)
            found = _described(client, pair.target, sleep)
        if not ours:
            _refuse_unmarked(client, found, run.id, sleep, may_be_own=asked or not tries.all_refused)
    except BaseException:
        if not asked and tries.all_refused:  # the run has made none, and a cleanup need not look for one
            CREATED.forget(run.ledger, pair.source)
        raise
    note(run, pair, CreationStatus.CREATING, table_id=table_identity(found), arn=found.arn)


def _request(run: Run, client: Any, pair: Pair, request: dict[str, Any], sleep: Sleep) -> bool:
    """Ask for a table until AWS takes it; whether this very call made it."""

    def ask() -> str | None:
        note(run, pair, CreationStatus.ASKED_FOR)  # with the time of what is sent last
        answer = aws.create_table(client, request)
        return None if answer == aws.LATER else answer

    return _wait(f"{request['TableName']} to be accepted by CreateTable", sleep).until(ask) == aws.MADE


def _refuse_unmarked(client: Any, table: TableDescription, run_id: str, sleep: Sleep, *, may_be_own: bool) -> None:
    """Raise TableError unless a table carries the run's mark; tags may show late (ListTagsOfResource, API Reference).

    `may_be_own` says that the run has asked for a table without hearing that it was refused.
    """
    tags: dict[str, str] = {}
    for _ in range(TAG_LOOKS):
        tags = _wait(f"the tags of {table.arn}", sleep).until(lambda: aws.tags_of(client, table.arn))
        if tags.get(MARK) == run_id:
            return
        sleep(POLL_SECONDS)
    if may_be_own and MARK not in tags:
        raise TableError(
            f"{table.name} is there without the mark of run {run_id}, which may have asked for it without hearing of "
            f"it: whose it is cannot be told yet. Nothing was written; run again once its tag {MARK} shows. If it "
            "shows none after some minutes, somebody else created the table: agree on who does it, and start a new run"
        )
    raise TableError(f"{table.name} is not the table that run {run_id} asked for: somebody else created one")


def _described(client: Any, name: str, sleep: Sleep) -> TableDescription:
    """The table just asked for; DescribeTable may take a moment to know it."""
    return _wait(f"{name} to be known", sleep).until(lambda: describe_table(client, name))


def _settle(run: Run, client: Any, pair: Pair, wanted: TableDefinition, sleep: Sleep) -> None:
    """Wait until the table is ACTIVE, set the rest, and prove that it is as its source is."""
    name, arn = pair.target, str(CREATED.needed(run.ledger, pair.source).arn)
    _await_active(client, name, sleep)
    _set_recovery_and_ttl(client, wanted, name, sleep)
    _do(lambda: aws.take_tag(client, arn, MARK), f"{name} to lose its mark", sleep)
    _do(lambda: aws.add_tags(client, arn, dict(wanted.tags[TAGS - 1 :])), f"{name} to take its tags", sleep)
    _close(run, client, pair, wanted, sleep)


def settle_imported(run: Run, client: Any, pair: Pair, wanted: TableDefinition, sleep: Sleep) -> None:
    """Give a table that ImportTable made what ImportTable cannot set, and prove that it is as its source is."""
    name, arn = pair.target, str(CREATED.needed(run.ledger, pair.source).arn)
    stream = {"StreamEnabled": True, "StreamViewType": wanted.stream}
    for is_set, setting in (
        (lambda now: now.table_class == wanted.table_class, {"TableClass": wanted.table_class}),
        (lambda now: wanted.stream in (None, now.stream), {"StreamSpecification": stream}),
        (lambda now: now.deletion_protection >= wanted.deletion_protection, {"DeletionProtectionEnabled": True}),
    ):
        _await_active(client, name, sleep)
        if not is_set(_read(client, name, sleep)):
            aws.settle_setting(client, name, partial(_is_now, client, name, is_set), **setting)
    _await_active(client, name, sleep)
    _set_recovery_and_ttl(client, wanted, name, sleep)
    _do(lambda: aws.add_tags(client, arn, dict(wanted.tags)), f"{name} to take its tags", sleep)
    _close(run, client, pair, wanted, sleep)


def _is_now(client: Any, name: str, is_set: Callable[[TableDefinition], bool]) -> bool:
    return is_set(read_definition(client, name))


def _set_recovery_and_ttl(client: Any, wanted: TableDefinition, name: str, sleep: Sleep) -> None:
    if ttl := wanted.ttl:
        _do(lambda: aws.set_ttl(client, name, ttl), f"{name} to take its TTL", sleep)
    if (days := wanted.recovery_days) is not None:
        wait = _wait(f"{name} to take point-in-time recovery", sleep)
        wait.until(lambda: aws.turn_recovery_on(client, name, days) or None)


def _close(run: Run, client: Any, pair: Pair, wanted: TableDefinition, sleep: Sleep) -> None:
    """Prove that the table is as its source is, and record that it is there."""
    _compare(client, wanted, pair.target, sleep)
    left_out = _scale(run, pair, wanted, sleep)
    facts = _present(client, pair.target, sleep)
    with run.ledger.batch():
        note(run, pair, CreationStatus.CREATED, left_out=(*_left_out(wanted), *left_out))
        planned = PAIRS.needed(run.ledger, pair.source)
        made = replace(planned.pair, target_facts=facts)
        PAIRS.record(run.ledger, pair.source, replace(planned, pair=made))


def _scale(run: Run, pair: Pair, wanted: TableDefinition, sleep: Sleep) -> list[str]:
    """Have the table scaled as its source is, when it has been compared: capacity may change from then on."""
    found = scalings_of(run, wanted)
    note(run, pair, CreationStatus.CREATING, scaled=scaled_capacities(found.capacities, pair.target) or None)

    def make(call: Callable[[], str | None], what: str) -> str | None:
        return _wait(what, sleep).until(lambda: (call(),))[0]

    return [*found.left_out, *register_scalings(run, found.capacities, pair.target, make)]


def _await_active(client: Any, name: str, sleep: Sleep) -> None:
    def look() -> bool | None:
        facts = describe_table(client, name)
        return True if facts is not None and facts.status == "ACTIVE" else None

    _wait(f"{name} to be ACTIVE", sleep).until(look)


def _present(client: Any, name: str, sleep: Sleep) -> TableDescription | None:
    """A table's facts now, or None if there is no such table now."""
    return _wait(f"{name} to be described", sleep).until(lambda: (describe_table(client, name),))[0]


def _read(client: Any, name: str, sleep: Sleep) -> TableDefinition:
    return _wait(f"{name} to be described", sleep).until(lambda: read_definition(client, name))


def _compare(client: Any, wanted: TableDefinition, name: str, sleep: Sleep) -> None:
    """Raise unless the table became what was asked for; tags may show a few seconds late."""
    wrong = _differing(wanted, _read(client, name, sleep))
    for _ in range(TAG_LOOKS):
        if wrong != ["tags"]:
            break
        sleep(POLL_SECONDS)
        wrong = _differing(wanted, _read(client, name, sleep))
    if wrong:
        raise TableError(
            f"{name} was created and is not as {wanted.name} is: {', '.join(wrong)}; nothing was loaded into it. "
            "Delete it and create it with what runbook schema writes"
        )


def _differing(wanted: TableDefinition, made: TableDefinition) -> list[str]:
    """The settings that differ, but for the name, the ARN of the key and what no table can be created with."""
    same = replace(made, name=wanted.name, kms_key=wanted.kms_key if made.kms_key is not None else None)
    one, other = (asdict(replace(d, beyond=(), settings=())) for d in (wanted, same))
    return [field for field in one if one[field] != other[field]]


def _left_out(definition: TableDefinition) -> list[str]:
    """What the source has and the new table does not."""
    key = "the source's KMS key; the key is the one AWS manages in the target's region"
    return [*definition.beyond, *([key] if definition.kms_key is not None else [])]


def _do(call: Callable[[], None], what: str, sleep: Sleep) -> None:
    """Make a call that may be repeated, again while the server is away."""

    def made() -> bool:
        call()
        return True

    _wait(what, sleep).until(made)


def _wait(what: str, sleep: Sleep) -> Wait:
    def late(failure: str) -> TableError:
        return TableError(f"waited {PATIENCE_SECONDS:g} s for {what}{failure}; run again with the same run id to go on")

    return Wait(PATIENCE_SECONDS, POLL_SECONDS, late, sleep)
