"""The source's surroundings held against the target's, resource by resource: equal but for names, places and sleep.

A difference is named by the way to it and never by what stands there: an input may hold what nobody should read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.extract.streams import mapping_key
from runbook_lib.estate.extract.topics import subscription_key
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.estate.text_parts import Hole, OfPlace, in_place

HOLE = re.compile("\x00([A-Za-z0-9]+)\x00")
Said = dict[str, str]
OFF_THERE = "active, but off in the source"
CONNECTS = {ResourceKind.SUBSCRIPTION: ("TopicArn", "Protocol"), ResourceKind.MAPPING: ("EventSourceArn",)}


class Likeness(StrEnum):
    """What came of comparing one resource."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "only in the target"
    NOT_CHECKED = "not checked"


class Acting(StrEnum):
    """Whether a resource acts in the target; one that cannot act by itself is passive."""

    AWAKE = "awake"
    ASLEEP = "asleep"
    OFF = "off in the source too"
    PASSIVE = ""


@dataclass(frozen=True, slots=True)
class ComparedResource:
    """One resource of the source and what the target has of it; `differences` are ways to members.

    `source` is empty for what only the target has.
    """

    kind: str
    source: str
    target: str
    likeness: Likeness
    acting: Acting
    differences: tuple[str, ...] = ()


def expected_estate(resources: tuple[Resource, ...], target: Identity) -> Estate:
    """Rewritten resources as they should be read in the target.

    A parameter is what it is by default; one without a default is a hole: it fits anything, the same everywhere.
    """
    place = {OfPlace.PARTITION: target.partition, OfPlace.REGION: target.region, OfPlace.ACCOUNT: target.account}
    made = []
    for resource in resources:

        def expected(value: Any) -> Any:
            return in_place(value, place, lambda hole: _expected(hole, place))

        properties = expected(resource.properties)
        key = resource.new_key if resource.name else _connection(resource, properties)
        policy, beside = expected(resource.policy), expected(resource.beside)
        made.append(replace(resource, key=key, arn="", properties=properties, policy=policy, beside=beside))
    return Estate(tuple(made))


def _connection(resource: Resource, properties: Mapping[str, Any]) -> str:
    """What a resource without a name is to connect in the target."""
    if resource.kind is ResourceKind.MAPPING:
        return mapping_key(str(properties.get("EventSourceArn")), str(properties.get("FunctionName")))
    said = (str(properties.get(member)) for member in ("TopicArn", "Protocol", "Endpoint"))
    return HOLE.sub("?", subscription_key(*said))


def hole(parameter: str, begins: str = "") -> str:
    """What a parameter without a default stands for in an expected text, and how it begins."""
    return f"{begins}\x00{parameter}\x00"


def _expected(of: Hole, place: Mapping[OfPlace, str]) -> str:
    if of.default is not None and not of.secret:
        return of.default
    return hole(of.parameter, of.begins.spelled(place, lambda inner: "") if of.begins else "")


def compare_estates(source: Estate, expected: Estate, found: Estate) -> list[ComparedResource]:
    """Each resource of the source beside the one of the target; `expected` has the same order as `source`.

    Then what the target has beside them: another subscription of a topic, another reader of a table's stream; where
    the source refused a call of that service, nobody knows whether it is beside them. One that a refused call would
    have shown, or shown whole, is not checked: neither missing nor equal nor different.
    """
    left = list(found.resources)
    rows = []
    said: Said = {}
    for old, wanted in zip(source.resources, expected.resources, strict=True):
        match = _match(wanted, left)
        if match is not None:
            left.remove(match)
        row = _row(old, wanted, match, said)
        unknown = _is_unread(old, source.unread) or _is_unread(match or wanted, found.unread, listed=match is not None)
        rows.append(replace(row, likeness=Likeness.NOT_CHECKED, differences=()) if unknown else row)
    refused = {service for service, _ in source.unread}
    return rows + [_extra(each, listed=each.kind.service not in refused) for each in left]


def _is_unread(resource: Resource, unread: Iterable[tuple[str, str]], *, listed: bool = True) -> bool:
    """Whether a call about a resource was refused; of one that is in no list also a call that would have listed it."""
    own, holder = resource.key, resource.key.partition("/")[0]
    if resource.kind is ResourceKind.SUBSCRIPTION:
        holder = str(resource.properties.get("TopicArn")).rpartition(":")[2]
        own = f"{holder} {resource.properties.get('Protocol')}"
    return any(
        service == resource.kind.service and (subject == own or (not listed and subject in ("", holder)))
        for service, subject in unread
    )


def _match(wanted: Resource, left: list[Resource]) -> Resource | None:
    """By its name; what has none by what it connects, and of several the one that differs least."""
    if wanted.name:
        return next((each for each in left if each.kind is wanted.kind and each.key == wanted.key), None)
    ends = CONNECTS.get(wanted.kind, ())
    fits = [
        each
        for each in left
        if each.kind is wanted.kind
        and not any(list(differing(wanted.properties.get(end), each.properties.get(end))) for end in ends)
    ]
    return min(fits, key=lambda each: len(list(differing(wanted.properties, each.properties))), default=None)


def _row(old: Resource, wanted: Resource, match: Resource | None, said: Said) -> ComparedResource:
    if match is None:
        return ComparedResource(old.kind.noun, old.key, wanted.key, Likeness.MISSING, Acting.PASSIVE)
    properties = wanted.properties if match.enabled else _asleep(wanted.properties)
    ways = [
        *differing(properties, match.properties, said=said),
        *differing(wanted.policy, match.policy, "Policy", said),
        *differing(wanted.beside, match.beside, said=said),
    ]
    if old.enabled is False and match.enabled:
        ways.append(OFF_THERE)  # what was off on purpose acts now; asleep is how everything is born
    likeness = Likeness.DIFFERENT if ways else Likeness.EQUAL
    return ComparedResource(old.kind.noun, old.key, match.key, likeness, _acting(old, match), tuple(ways))


def _asleep(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the way in which a rule is awake: one that sleeps cannot show it."""
    return {name: value for name, value in properties.items() if name != "EnabledAs"}


def _extra(found: Resource, *, listed: bool) -> ComparedResource:
    likeness = Likeness.EXTRA if listed else Likeness.NOT_CHECKED
    acting = Acting.PASSIVE if found.enabled is None else Acting.AWAKE if found.enabled else Acting.ASLEEP
    return ComparedResource(found.kind.noun, "", found.key, likeness, acting)


def _acting(old: Resource, match: Resource) -> Acting:
    if old.enabled is None:
        return Acting.PASSIVE
    if match.enabled:
        return Acting.AWAKE
    return Acting.ASLEEP if old.enabled else Acting.OFF


def differing(expected: Any, found: Any, way: str = "", said: Said | None = None) -> Iterator[str]:
    """The ways to what differs; documents in texts are compared as documents.

    `said` is what parameters were found to be so far, which they have to be everywhere; it is added to.
    """
    said = {} if said is None else said
    expected, found = _document(expected), _document(found)
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name in sorted(expected.keys() | found.keys()):
            inner = f"{way}.{name}" if way else name
            if name not in expected or name not in found:
                yield inner
            else:
                yield from differing(expected[name], found[name], inner, said)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differing(one, other, f"{way}[{number}]", said)
    elif not _agree(expected, found, said):
        yield way


def _document(value: Any) -> Any:
    if isinstance(value, str) and value[:1] == "{":
        try:
            return json.loads(value, strict=False)
        except ValueError:
            return value
    return value


def _agree(expected: Any, found: Any, said: Said) -> bool:
    if isinstance(expected, str) and HOLE.search(expected):
        return isinstance(found, str) and _fits(HOLE.split(expected), found, said)
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return bool(expected == found)


def _fits(pieces: list[str], found: str, said: Said) -> bool:
    """Whether a text is the plain pieces with the values of the parameters, every second one, in between."""
    match = re.fullmatch("(.+)".join(map(re.escape, pieces[::2])), found, re.DOTALL)
    if match is None:
        return False
    return all(said.setdefault(name, value) == value for name, value in zip(pieces[1::2], match.groups(), strict=True))
