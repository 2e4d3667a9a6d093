"""Asks the services of both sides who names the old tables. Nothing is changed, and no value is kept or shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS, ROLE_READS
from runbook_lib.aws.reading.reader import ServiceReader, Unread
from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.errors import ForbiddenCall
from runbook_lib.references.old_names import OldNames
from runbook_lib.references.places.events import places_of_events, places_of_pipes, places_of_schedules
from runbook_lib.references.places.functions import places_of_lambda
from runbook_lib.references.places.interfaces import places_of_graphql, places_of_http, places_of_rest
from runbook_lib.references.places.monitoring import places_of_alarms, places_of_dashboards
from runbook_lib.references.places.place import SearchedText
from runbook_lib.references.places.roles import places_of_roles
from runbook_lib.run.facts.around.references import NotRead, Reference, References

SERVICES_AT_ONCE = 8
PlacesOf = Callable[[ServiceReader], Iterator[SearchedText]]
REGIONAL: tuple[tuple[str, PlacesOf], ...] = (
    ("lambda", places_of_lambda),
    ("events", places_of_events),
    ("scheduler", places_of_schedules),
    ("pipes", places_of_pipes),
    ("cloudwatch", places_of_alarms),
    ("appsync", places_of_graphql),
    ("apigateway", places_of_rest),
    ("apigatewayv2", places_of_http),
)
# Of the account, whatever the region: asked once where both sides are one account.
GLOBAL: tuple[tuple[str, PlacesOf], ...] = (("cloudwatch", places_of_dashboards),)
ROLES: tuple[tuple[str, PlacesOf], ...] = (("iam", places_of_roles),)


@dataclass(frozen=True, slots=True)
class Looking:
    """One service of one side, to be asked in a thread of its own."""

    side: str
    service: str
    places: PlacesOf


def find_references(clients: Clients, targets: Mapping[str, str], *, roles: bool = False) -> References:
    """Every place on both sides that names one of `targets`' sources; what was refused stands in `not_read`."""
    sides: dict[str, Identity] = {"source": clients.source_identity, "target": clients.target_identity}
    names = OldNames(targets, sides["source"].place, sides["target"].place)
    with ThreadPoolExecutor(SERVICES_AT_ONCE) as pool:
        answers = list(pool.map(partial(_look, clients, sides, names), _lookings(sides, targets, roles=roles)))
    found: dict[Reference, None] = {}
    for references, _ in answers:
        found |= dict.fromkeys(_with_targets(references, targets))
    readers = [reader for _, reader in answers]
    looked = sorted((r.side, kind, number) for r in readers for kind, number in r.looked.items())
    unread = _together(each for reader in readers for each in reader.unread)
    return References(tuple(sorted(found, key=_order)), tuple(unread), tuple(looked))


def _order(found: Reference) -> tuple[str, ...]:
    return found.source, found.side, found.service, found.resource, found.where


def _lookings(sides: Mapping[str, Identity], targets: Mapping[str, str], *, roles: bool) -> Iterator[Looking]:
    whole = GLOBAL + (ROLES if roles else ())
    source, target = sides["source"], sides["target"]
    for service, places in REGIONAL + whole:
        yield Looking("source", service, places)
    if target.place != source.place:
        of_target = REGIONAL + (whole if target.account != source.account else ())
        yield from (Looking("target", service, places) for service, places in of_target)
    yield Looking("source", "dynamodb", partial(_kinesis, tables=sorted(targets)))


def _look(
    clients: Clients, sides: Mapping[str, Identity], names: OldNames, looking: Looking
) -> tuple[list[Reference], ServiceReader]:
    allowed = REFERENCE_READS | (ROLE_READS if looking.service == "iam" else frozenset())
    client: Any = reading_client(clients, looking.side, looking.service, allowed)
    reader, here = ServiceReader(looking.side, client), sides[looking.side].place
    try:
        found = [
            Reference(looking.side, place.service, place.resource, place.where, n.source, "", n.how.value, n.tables)
            for place in looking.places(reader)
            for n in names.in_text(place.text, [place.region or here[0], here[1]])
        ]
    except ForbiddenCall:
        raise
    except Exception as error:  # an answer that is not as AWS's; its text may hold what nobody is to read
        reader.unread.append(Unread(looking.side, looking.service, "reading", type(error).__name__))
        return [], reader
    finally:
        client.close()
    return found, reader


def _with_targets(references: Iterable[Reference], targets: Mapping[str, str]) -> Iterator[Reference]:
    for r in references:
        yield Reference(r.side, r.service, r.resource, r.where, r.source, targets[r.source], r.how, r.tables)


def _kinesis(reader: ServiceReader, tables: list[str]) -> Iterator[SearchedText]:
    """A table's own Kinesis destinations: what reads them reads the old table."""
    for table in tables:
        reader.count("tables' Kinesis destinations")
        answer = reader.get("dynamodb", "DescribeKinesisStreamingDestination", table, TableName=table)
        for destination in (answer or {}).get("KinesisDataStreamDestinations") or ():
            stream = str(destination.get("StreamArn", "")).rpartition(":stream/")[2]
            state = str(destination.get("DestinationStatus", "")).lower()
            yield SearchedText("Kinesis destination", f"{stream} ({state})", "the table's setting", table)


def _together(unread: Iterable[Unread]) -> list[NotRead]:
    """The same refusal of many things is said once, with the first of them."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for each in unread:
        groups.setdefault((each.side, f"{each.service}:{each.operation}", each.code), []).append(each.subject)
    return [
        NotRead(side, call, code, min(subjects), len(subjects))
        for (side, call, code), subjects in sorted(groups.items())
    ]
