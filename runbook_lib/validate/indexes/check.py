"""Ask the target's secondary indexes for a sample of their keys and compare the answers with the export.

A global index follows its table with a delay, so an answer that is wrong is asked for again before it is
called wrong. An index that cannot be asked is "not checked", which is never good. An item that had expired may be
absent from an index only if the table does not hold it either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runbook_lib.aws.dynamodb.describe.partial_definition import LiveIndex
from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.pages import EndlessList, pages
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.aws.transport.shapes import consumed_units, key_to_go_on_after, object_said
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import key_of
from runbook_lib.items.lines import only_objects
from runbook_lib.run.facts.validation import IndexFact, IndexState
from runbook_lib.validate.indexes.sample import IndexSample, Key, SampledKey

CHECKED, NOT_CHECKED, NOTHING = IndexState.CHECKED, IndexState.NOT_CHECKED, IndexState.NOTHING
ITEMS_HELD = 100_000  # expected items of all samples of one table together: about 30 MB

Ask = Callable[[LiveIndex, Item], Iterator[Item]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is asked and how long a wrong answer is waited out.

    `may_hold_more` says that the target held items before the import, so that others under a key are no error if the
    table holds them too, as the index says;
    `clock` is asked for the time after each answer, which may lack what had expired by then, and `in_table` for what
    the table holds under primary keys.
    """

    samples: int
    wait_seconds: float
    may_hold_more: bool
    secret: RunSecret
    clock: Callable[[], float]
    in_table: Callable[[list[Item]], list[Item]]
    sleep: Callable[[float], None]


@dataclass(slots=True)
class Answer:
    """What one index key answered, against the export; `expired` items were the TTL's to delete.

    Items that were there before are not among the `extra` ones.
    """

    found: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    expired: int = 0


def check_indexes(
    indexes: Sequence[LiveIndex],
    table_key: Key,
    exported: Iterable[tuple[Item, float | None]],
    ask: Ask,
    settings: Settings,
    fill: Callable[[list[IndexSample]], None] | None = None,
) -> tuple[IndexFact, ...]:
    """The facts of every index; `exported` are the items of the export with their TTL, and is read once at most.

    Where `fill` is given, the samples are filled by it and `exported` is not read.
    """
    asked = [index for index in indexes if settings.samples and index.state == "ACTIVE"]
    most = ITEMS_HELD // (len(asked) * settings.samples) if asked else 0
    samples = {
        index.name: IndexSample(index, table_key, settings.samples, max(1, most), settings.secret) for index in asked
    }
    if samples and fill is not None:
        fill(list(samples.values()))
    elif samples:
        for item, expires in exported:
            for sample in samples.values():
                sample.add(item, expires)
    facts = []
    for index in indexes:
        if index.name in samples:
            facts.append(_check(samples[index.name], ask, settings))
        else:
            why = f"the index is {index.state}" if settings.samples else "validate.index_samples is 0"
            facts.append(_fact(index, NOT_CHECKED, why))
    return tuple(facts)


def _check(sample: IndexSample, ask: Ask, settings: Settings) -> IndexFact:
    sampled = sample.sampled()
    keys = [key for key in sampled if not key.too_many]
    left_out = len(sampled) - len(keys)
    numbers = {"belonging": sample.belonging, "keys": len(keys), "left_out": left_out}
    if not sample.belonging:
        return _fact(sample.index, NOTHING, "no item of the export belongs into it", numbers)
    if not keys:
        why = f"each of the {left_out} sampled keys has more than {sample.most:,} items"
        return _fact(sample.index, NOT_CHECKED, why, numbers)
    try:
        answers = _patiently(sample, keys, ask, settings)
    except TransferError as error:  # refused, or not to be understood: nothing is known of this index
        return _fact(sample.index, NOT_CHECKED, str(error), numbers)
    numbers |= {
        "expected": sum(len(key.items) for key in keys),
        **{name: sum(getattr(a, name) for a in answers) for name in asdict(Answer())},
        "wrong_keys": sum(_is_wrong(a) for a in answers),
    }
    return _fact(sample.index, CHECKED, None, numbers)


def _patiently(sample: IndexSample, keys: list[SampledKey], ask: Ask, settings: Settings) -> list[Answer]:
    """One answer for each key; wrong ones are asked for again until they are right or the waiting is over."""
    answers = [_compare(sample, key, ask, settings) for key in keys]
    for part in (1, 2, 4, 8):
        wrong = [place for place, answer in enumerate(answers) if _is_wrong(answer)]
        if not wrong or not settings.wait_seconds:
            break
        settings.sleep(settings.wait_seconds * part / 15)
        for place in wrong:
            answers[place] = _compare(sample, keys[place], ask, settings)
    return answers


def _compare(sample: IndexSample, key: SampledKey, ask: Ask, settings: Settings) -> Answer:
    answer, left, others = Answer(), dict(key.items), list[Item]()
    for item in ask(sample.index, key.key):
        answer.found += 1
        primary = sample.primary(item)
        expected = left.pop(primary, None)
        if expected is None and settings.may_hold_more and primary not in key.items:
            others.append(item)
            if len(others) == KEYS_AT_ONCE:
                answer.extra += _not_in_table(sample, others, settings)
                others.clear()
        elif expected is None:
            answer.extra += 1  # an item that is answered twice is one too many, too
        elif expected.projected != sample.projected(item):
            answer.different += 1
    answer.extra += _not_in_table(sample, others, settings)
    now = settings.clock()
    expired = [gone.key for gone in left.values() if gone.key and gone.expires is not None and gone.expires <= now]
    answer.expired = len(expired) - (len(settings.in_table(expired)) if expired else 0)
    answer.missing = len(left) - answer.expired
    return answer


def _not_in_table(sample: IndexSample, others: list[Item], settings: Settings) -> int:
    """How many of an index's items, each with the key of the table in it, the table does not hold as the index says."""
    if not others:
        return 0
    held = settings.in_table([key_of(item, sample.table_key) for item in others])
    known = {(sample.primary(item), sample.projected(item)) for item in held}
    said = [(sample.primary(item), sample.projected(item)) for item in others]
    return len(said) - len(known & set(said))


def _is_wrong(answer: Answer) -> bool:
    return bool(answer.missing or answer.different or answer.extra)


def _fact(index: LiveIndex, state: IndexState, why: str | None, numbers: dict[str, int] | None = None) -> IndexFact:
    """One index's facts; a number that was not measured is None."""
    return IndexFact(index.name, index.kind, index.definition.projection, state, why, **(numbers or {}))


def wrong_indexes(facts: Iterable[IndexFact]) -> list[str]:
    """Why the indexes of a table contradict its export; empty if none that was asked does."""
    return [
        f"index {f.index} answers differently from the export for {f.wrong_keys:,} of {f.keys:,} sampled keys: "
        f"missing {f.missing:,}, different {f.different:,}, extra {f.extra:,}"
        for f in facts
        if f.wrong_keys
    ]


def ask_target(transport: DynamoDBTransport, table: str, limit: RateLimit, backoff: Backoff) -> Ask:
    """A way to ask the indexes of a table for all items under one key."""

    def ask(index: LiveIndex, key: Item) -> Iterator[Item]:
        names = list(key)
        request: dict[str, Any] = {
            "TableName": table,
            "IndexName": index.name,
            "KeyConditionExpression": " AND ".join(f"#k{n} = :k{n}" for n in range(len(names))),
            "ExpressionAttributeNames": {f"#k{n}": name for n, name in enumerate(names)},
            "ExpressionAttributeValues": {f":k{n}": key[name] for n, name in enumerate(names)},
            "Select": "ALL_PROJECTED_ATTRIBUTES",
            "ConsistentRead": index.kind == "LSI",  # a global index has no consistent reads
            "ReturnConsumedCapacity": "TOTAL",
        }

        def page(**asked: Any) -> dict[str, Any]:
            answer = object_said(f"Query of {table}", transport.read("Query", json.dumps(asked).encode(), backoff))
            if not isinstance(answer.get("Items"), list):
                raise TransferError(f"Query of {table}: an answer holds no list of items")
            try:
                only_objects(answer["Items"])
                consumed_units(answer)
                key_to_go_on_after(answer)
            except ValueError as error:
                raise TransferError(f"Query of {table}: an answer makes no sense: {error}") from None
            return answer

        try:
            for answer in pages(page, "LastEvaluatedKey", "ExclusiveStartKey", **request):
                yield from answer["Items"]
                limit.spend(consumed_units(answer)[1])
        except EndlessList as error:
            raise TransferError(f"Query of {table}: {error}") from None

    return ask
