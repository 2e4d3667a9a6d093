"""The whole of one side's surroundings, as far as it is meant, with the queues that failures go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from runbook_lib.aws.reading.reader import UNLIKE_AWS, ServiceReader, Unread
from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.extract.events import bus_names, read_buses, read_schedules, schedule_keys
from runbook_lib.estate.extract.monitoring import read_alarms, read_dashboards, read_log_groups
from runbook_lib.estate.extract.queues import queue_names, read_queues
from runbook_lib.estate.extract.streams import read_mappings, read_pipes
from runbook_lib.estate.extract.topics import read_topics, topic_names
from runbook_lib.estate.resource import Estate, Resource, ResourceKind, Unexpressed
from runbook_lib.estate.selection import Selection

Found = tuple[list[Resource], list[Unexpressed]]
FAILURES = ("deadLetterTargetArn", "DeadLetterConfig", "OnFailure")


@dataclass(slots=True)
class EstateReading:
    """An estate while it is read."""

    reader_of: Callable[[str], ServiceReader]
    who: Identity
    wanted: Selection
    now: datetime
    resources: list[Resource] = field(default_factory=list)
    left: list[Unexpressed] = field(default_factory=list)
    readers: dict[str, ServiceReader] = field(default_factory=dict)

    def reader(self, service: str) -> ServiceReader:
        if service not in self.readers:
            self.readers[service] = self.reader_of(service)
        return self.readers[service]

    def names(self, *kinds: ResourceKind) -> frozenset[str]:
        return frozenset(resource.name for resource in self.resources if resource.kind in kinds)


def read_estate(reader_of: Callable[[str], ServiceReader], who: Identity, wanted: Selection, now: datetime) -> Estate:
    """Everything that is meant, and what of it no template carries; refused calls stand in `not_read`."""
    reading = EstateReading(reader_of, who, wanted, now)
    _messaging(reading)
    queues = None
    while queues != (queues := reading.names(ResourceKind.QUEUE)):  # who reads a queue may hand failures to another
        _readers(reading)
        _grow(reading)
    _monitoring(reading)
    unread = [each for reader in reading.readers.values() for each in reader.unread]
    said = {f"{u.side}: {u.service}:{u.operation}{f' of {u.subject}' if u.subject else ''}: {u.code}" for u in unread}
    subjects = frozenset((u.service, u.subject) for u in unread)
    return Estate(tuple(reading.resources), tuple(dict.fromkeys(reading.left)), tuple(sorted(said)), subjects)


def _look(reading: EstateReading, service: str, read: Callable[[ServiceReader], Found]) -> list[Resource]:
    """Take in what one service has; answers unlike AWS's are noted, and what they would show is not checked."""
    reader = reading.reader(service)
    try:
        found, left = read(reader)
    except UNLIKE_AWS as error:
        reader.unread.append(Unread(reader.side, service, "reading", type(error).__name__))
        return []
    reading.resources += found
    reading.left += left
    return found


def _messaging(reading: EstateReading) -> None:
    wanted, who = reading.wanted, reading.who
    place = f"arn:{who.partition}:sns:{who.region}:{who.account}:"
    _look(reading, "sqs", lambda sqs: read_queues(sqs, filter(wanted.queues, queue_names(sqs))))
    _look(reading, "sns", lambda sns: read_topics(sns, place, filter(wanted.topics, topic_names(sns))))
    _look(reading, "events", lambda events: read_buses(events, filter(wanted.buses, bus_names(events))))
    _look(
        reading, "scheduler",
        lambda scheduler: read_schedules(scheduler, filter(wanted.schedules, schedule_keys(scheduler)), reading.now),
    )  # fmt: skip


def _readers(reading: EstateReading) -> None:
    """The mappings and pipes of the tables' streams and of the queues that are known by now."""
    tables, queues = reading.wanted.tables, reading.names(ResourceKind.QUEUE)
    reading.resources = [r for r in reading.resources if r.kind not in (ResourceKind.MAPPING, ResourceKind.PIPE)]
    if tables or queues:
        _look(reading, "lambda", lambda functions: read_mappings(functions, tables, queues))
        _look(reading, "pipes", lambda pipes: (read_pipes(pipes, tables, queues), []))


def _grow(reading: EstateReading) -> None:
    """Take in the queues that failures go to, and the queues of those, until there is none left."""
    if not reading.wanted.grows:
        return
    own = ("sqs", reading.who.region, reading.who.account)
    tried: set[str] = set()
    while True:
        arns = {arn for resource in reading.resources for arn in failures_of(resource.properties)}
        parts = [arn.split(":") for arn in arns]
        queues = {part[5] for part in parts if len(part) == 6 and tuple(part[2:5]) == own}
        more = queues - reading.names(ResourceKind.QUEUE) - tried
        if not more:
            return
        tried |= more
        _look(reading, "sqs", partial(read_queues, names=more))
        refused = {each.subject for each in reading.reader("sqs").unread}
        reading.left += [
            Unexpressed(f"queue {name}", "failures are handed to it, and it is not there: what names it is refused")
            for name in sorted(more - reading.names(ResourceKind.QUEUE) - refused)
        ]


def failures_of(value: Any) -> Iterator[str]:
    """Every ARN that failures are handed to, anywhere in the properties."""
    if isinstance(value, list):
        for each in value:
            yield from failures_of(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in FAILURES:
                yield from _arns(inner)
            else:
                yield from failures_of(inner)


def _arns(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        return [arn for inner in value.values() for arn in _arns(inner)]
    return [value] if isinstance(value, str) and value.startswith("arn:") else []


def _monitoring(reading: EstateReading) -> None:
    wanted = reading.wanted
    around = wanted.tables | reading.names(ResourceKind.QUEUE, ResourceKind.TOPIC, ResourceKind.RULE, ResourceKind.BUS)
    alarms = _look(
        reading, "cloudwatch",
        lambda cloudwatch: read_alarms(
            cloudwatch, lambda name, held: wanted.alarms(name, _watched(held), around), grows=wanted.grows
        ),
    )  # fmt: skip
    shown = around | {alarm.name for alarm in alarms}
    _look(
        reading, "cloudwatch",
        lambda cloudwatch: (read_dashboards(cloudwatch, lambda name, body: wanted.dashboards(name, body, shown)), []),
    )  # fmt: skip
    _look(reading, "logs", lambda logs: read_log_groups(logs, wanted.log_groups))


def _watched(alarm: dict[str, Any]) -> Any:
    """What an alarm looks at, and not whom it tells."""
    return [alarm.get("Dimensions"), alarm.get("Metrics")]
