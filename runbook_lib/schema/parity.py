"""Two table definitions side by side: each difference, how grave it is, and what to do about it.

`blocks` cannot be fixed once items are loaded, or makes the target reject items. `warns` changes what the
table does or holds. `informs` changes what it costs or what it is called. Pure; what could not be asked for
on one side is "not checked" and never equal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition, TableDefinition
from runbook_lib.aws.dynamodb.describe.members import (
    BEYOND,
    BILLING,
    CAPACITY,
    CLASS,
    ENCRYPTION,
    GLOBAL,
    KEY,
    LOCAL,
    PROTECTION,
    STREAM,
    TYPES,
    WARM,
)
from runbook_lib.aws.dynamodb.describe.partial_definition import RECOVERY, TAGS, TTL, PartialDefinition
from runbook_lib.schema.attached import ATTACHED
from runbook_lib.schema.difference import BLOCKS, INFORMS, RATINGS, WARNS, DefinitionDifference, Gap, Parity, Rating
from runbook_lib.schema.words import days, on, spell_capacity, spell_encryption, spell_index, spell_key

NONE = "none"
UNKNOWN_MEMBERS = "unknown members"
NEW_TABLE = "create the target again: this cannot be changed later"
INDEX_CHANGE = "delete the target's index and create it as the source has it"


Definition = TableDefinition
Found = Iterator[DefinitionDifference]


def compare_definitions(source: PartialDefinition, target: PartialDefinition, accept: Collection[str] = ()) -> Parity:
    """Compare the definitions of a pair; a property in `accept` may differ and is then only told."""
    differences, gaps, equal = [], [], []
    for name, look in PROPERTIES.items():
        why = [
            f"{side}: {a.unknown[name]}" for side, a in (("source", source), ("target", target)) if name in a.unknown
        ]
        if why:
            gaps.append(Gap(name, "; ".join(why)))
            continue
        found = list(look(source.definition, target.definition))
        differences += [_accepted(d) if name in accept else d for d in found]
        if not found:
            equal.append(name)
    gaps += _unfamiliar(source, target)
    differences.sort(key=lambda d: RATINGS.index(d.rating))
    return Parity(tuple(differences), tuple(gaps), tuple(equal))


def _unfamiliar(source: PartialDefinition, target: PartialDefinition) -> Iterator[Gap]:
    """What an answer has and nobody here knows is never equal, whatever it says."""
    for member in sorted({*source.unfamiliar, *target.unfamiliar}):
        sides = [side for side, a in (("source", source), ("target", target)) if member in a.unfamiliar]
        whose = " and the ".join(sides)
        yield Gap(
            UNKNOWN_MEMBERS,
            f"not compared: {member}, which DescribeTable says of the {whose}, is not known to this version",
        )


def _accepted(difference: DefinitionDifference) -> DefinitionDifference:
    return DefinitionDifference(
        difference.property, difference.what, difference.source, difference.target, INFORMS,
        "accepted by parity.accept in the migration file",
    )  # fmt: skip


def _key(source: Definition, target: Definition) -> Found:
    if source.key != target.key:
        yield DefinitionDifference(KEY, KEY, spell_key(source.key), spell_key(target.key), BLOCKS, NEW_TABLE)


def _types(source: Definition, target: Definition) -> Found:
    """Index attributes of two types: every item that has one would be rejected by the target."""
    ours, theirs = _index_types(source), _index_types(target)
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            yield DefinitionDifference(
                TYPES, f"type of index attribute {name}", ours[name], theirs[name], BLOCKS,
                f"the target rejects every item that has {name}: create its indexes with the source's type",
            )  # fmt: skip


def _index_types(definition: Definition) -> dict[str, str]:
    indexes = (*definition.global_indexes, *definition.local_indexes)
    own = {k.name for k in definition.key}
    return {k.name: k.type for index in indexes for k in index.key if k.name not in own}


def _global(source: Definition, target: Definition) -> Found:
    yield from _indexes(GLOBAL, "global index", source.global_indexes, target.global_indexes, WARNS)


def _local(source: Definition, target: Definition) -> Found:
    yield from _indexes(LOCAL, "local index", source.local_indexes, target.local_indexes, BLOCKS)


def _indexes(
    kind: str, word: str, source: tuple[IndexDefinition, ...], target: tuple[IndexDefinition, ...], grave: Rating
) -> Found:
    """Missing, other and additional indexes; a local one can only be made together with its table."""
    ours, theirs = {i.name: i for i in source}, {i.name: i for i in target}
    change = NEW_TABLE if grave == BLOCKS else INDEX_CHANGE
    for name in sorted(ours.keys() | theirs.keys()):
        one, other, what = ours.get(name), theirs.get(name), f"{word} {name}"
        if other is None and one is not None:
            remedy = change if grave == BLOCKS else "queries on it fail: create it, before the import if it can be"
            yield DefinitionDifference(kind, what, spell_index(one), NONE, grave, remedy)
        elif one is None and other is not None:
            remedy = (
                "it costs writes, and items whose key attributes have another type are rejected; delete it if unused"
            )
            yield DefinitionDifference(kind, what, NONE, spell_index(other), WARNS, remedy)
        elif one is not None and other is not None and one.key != other.key:
            yield DefinitionDifference(kind, what, spell_index(one), spell_index(other), grave, change)
        elif one is not None and other is not None and _projects(one) != _projects(other):
            more = _covers(other, one)
            remedy = "it holds more than the source's and costs more" if more else change
            yield DefinitionDifference(
                kind, what, spell_index(one), spell_index(other), INFORMS if more else grave, remedy
            )


def _projects(index: IndexDefinition) -> tuple[str, tuple[str, ...]]:
    return index.projection, index.attributes


def _covers(wide: IndexDefinition, narrow: IndexDefinition) -> bool:
    if wide.projection == "ALL":
        return True
    return narrow.projection != "ALL" and set(narrow.attributes) <= set(wide.attributes)


def _ttl(source: Definition, target: Definition) -> Found:
    if source.ttl != target.ttl:
        remedy = "turn it on for the same attribute when the import is validated, or items stay for ever"
        if target.ttl is not None:
            remedy = "the target deletes items by it; turn it off, or make it the source's, before the import"
        yield DefinitionDifference(TTL, TTL, source.ttl or "off", target.ttl or "off", WARNS, remedy)


def _stream(source: Definition, target: Definition) -> Found:
    if source.stream != target.stream:
        # A stream on the target has a warning of its own, whatever the source has (preflight).
        rating = INFORMS if source.stream is None else WARNS
        remedy = "turn it on when the import is validated, before its consumers start"
        if target.stream is not None:
            remedy = "its consumers, such as Lambda triggers, see other records than the source's, or any at all"
        yield DefinitionDifference(STREAM, STREAM, source.stream or "off", target.stream or "off", rating, remedy)


def _billing(source: Definition, target: Definition) -> Found:
    if source.billing != target.billing:
        remedy = "the import is as fast as the target's capacity; the bill differs"
        yield DefinitionDifference(BILLING, BILLING, source.billing, target.billing, INFORMS, remedy)


def _capacity(source: Definition, target: Definition) -> Found:
    """Provisioned units or on-demand limits; of tables with two billing modes there is nothing to compare."""
    if source.billing != target.billing:
        return
    theirs = {i.name: i for i in target.global_indexes}
    pairs: list[tuple[str, Any, Any]] = [("capacity", source, target)]
    pairs += [(f"capacity of {i.name}", i, theirs[i.name]) for i in source.global_indexes if i.name in theirs]
    for what, one, other in pairs:
        ours, found = (spell_capacity(d.provisioned, d.on_demand) for d in (one, other))
        if ours != found:
            yield DefinitionDifference(
                CAPACITY, what, ours, found, INFORMS, "the import is as fast as the target's capacity"
            )


def _recovery(source: Definition, target: Definition) -> Found:
    ours, theirs = source.recovery_days, target.recovery_days
    if ours != theirs:
        lost = theirs is None
        remedy = "turn it on for the target" if lost else "the target reaches back differently; nothing is lost"
        yield DefinitionDifference(RECOVERY, RECOVERY, days(ours), days(theirs), WARNS if lost else INFORMS, remedy)


def _protection(source: Definition, target: Definition) -> Found:
    ours, theirs = source.deletion_protection, target.deletion_protection
    if ours != theirs:
        remedy = "turn it on for the target" if ours else "the target cannot be deleted by mistake"
        yield DefinitionDifference(PROTECTION, PROTECTION, on(ours), on(theirs), WARNS if ours else INFORMS, remedy)


def _table_class(source: Definition, target: Definition) -> Found:
    if source.table_class != target.table_class:
        what = CLASS
        yield DefinitionDifference(what, what, source.table_class, target.table_class, INFORMS, "the bill differs")


def _encryption(source: Definition, target: Definition) -> Found:
    """Which key, not whose: no other region knows the ARN of the source's key."""
    ours, theirs = (d.kms_key is not None for d in (source, target))
    if ours != theirs:
        what = ENCRYPTION
        remedy = (
            "encrypt the target with a KMS key" if ours else "whoever reads the target must be allowed to use the key"
        )
        rating = WARNS if ours else INFORMS
        yield DefinitionDifference(what, what, spell_encryption(ours), spell_encryption(theirs), rating, remedy)


def _tags(source: Definition, target: Definition) -> Found:
    if source.tags != target.tags:
        shared = set(source.tags) & set(target.tags)
        ours, theirs = ([f"{k}={v}" for k, v in d.tags if (k, v) not in shared] for d in (source, target))
        remedy = "set the tags that bills or permissions depend on"
        yield DefinitionDifference(TAGS, TAGS, ", ".join(ours) or NONE, ", ".join(theirs) or NONE, INFORMS, remedy)


def _beyond(source: Definition, target: Definition) -> Found:
    remedy = "not carried over by this tool: set it up by hand"
    yield from _settings(BEYOND, source, target, WARNS, remedy)


def _warm(source: Definition, target: Definition) -> Found:
    """What a table and an index of both take at once; of two billing modes there is nothing to compare."""
    if source.billing != target.billing:
        return
    remedy = "it follows the use of a table; import.warm_throughput raises it before an import"
    lone = {i.name for i in source.global_indexes} ^ {i.name for i in target.global_indexes}
    for difference in _settings(WARM, source, target, INFORMS, remedy, "not said"):
        if difference.what.removeprefix("warm throughput of ") not in lone:
            yield difference


def _settings(
    name: str, source: Definition, target: Definition, rating: Rating, remedy: str, silent: str = NONE
) -> Found:
    ours, theirs = ({s.what: s.how for s in d.settings if s.property == name} for d in (source, target))
    for what in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(what, silent), theirs.get(what, silent)
        if one != other:
            yield DefinitionDifference(name, what, one, other, rating, remedy)


PROPERTIES: dict[str, Callable[[Definition, Definition], Found]] = {
    KEY: _key,
    TYPES: _types,
    GLOBAL: _global,
    LOCAL: _local,
    TTL: _ttl,
    STREAM: _stream,
    BILLING: _billing,
    CAPACITY: _capacity,
    WARM: _warm,
    RECOVERY: _recovery,
    PROTECTION: _protection,
    CLASS: _table_class,
    ENCRYPTION: _encryption,
    TAGS: _tags,
    BEYOND: _beyond,
    **ATTACHED,
}
