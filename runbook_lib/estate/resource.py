"""One thing that stands around the tables, in CloudFormation's words, and the whole of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class ResourceKind(StrEnum):
    """What can be carried over; the value is CloudFormation's type."""

    QUEUE = "AWS::SQS::Queue"
    TOPIC = "AWS::SNS::Topic"
    SUBSCRIPTION = "AWS::SNS::Subscription"
    BUS = "AWS::Events::EventBus"
    RULE = "AWS::Events::Rule"
    SCHEDULE_GROUP = "AWS::Scheduler::ScheduleGroup"
    SCHEDULE = "AWS::Scheduler::Schedule"
    PIPE = "AWS::Pipes::Pipe"
    MAPPING = "AWS::Lambda::EventSourceMapping"
    ALARM = "AWS::CloudWatch::Alarm"
    COMPOSITE_ALARM = "AWS::CloudWatch::CompositeAlarm"
    DASHBOARD = "AWS::CloudWatch::Dashboard"
    LOG_GROUP = "AWS::Logs::LogGroup"

    @property
    def stack(self) -> str:
        """The stack that it belongs to: messaging or monitoring."""
        return MONITORING if self in _MONITORED else MESSAGING

    @property
    def service(self) -> str:
        """The service that is asked about it, as its clients are called."""
        return self.value.split("::")[1].lower()

    @property
    def noun(self) -> str:
        """What people call it."""
        return _NOUNS[self]


MESSAGING, MONITORING = "messaging", "monitoring"
STACKS = (MESSAGING, MONITORING)
_MONITORED = frozenset(
    {ResourceKind.ALARM, ResourceKind.COMPOSITE_ALARM, ResourceKind.DASHBOARD, ResourceKind.LOG_GROUP}
)
_NOUNS = {
    ResourceKind.QUEUE: "queue",
    ResourceKind.TOPIC: "topic",
    ResourceKind.SUBSCRIPTION: "subscription",
    ResourceKind.BUS: "event bus",
    ResourceKind.RULE: "rule",
    ResourceKind.SCHEDULE_GROUP: "schedule group",
    ResourceKind.SCHEDULE: "schedule",
    ResourceKind.PIPE: "pipe",
    ResourceKind.MAPPING: "event-source mapping",
    ResourceKind.ALARM: "alarm",
    ResourceKind.COMPOSITE_ALARM: "composite alarm",
    ResourceKind.DASHBOARD: "dashboard",
    ResourceKind.LOG_GROUP: "log group",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it was read. `properties` are CloudFormation's without its name; `policy` is a document apart.

    `key` tells it from others of its kind: its name, or what it connects; `new_key` is what that is to be in the
    target, once it is rewritten. `beside` are members that no template carries, which are compared all the same.
    `enabled` says whether it acts by itself.
    """

    kind: ResourceKind
    key: str
    name: str = ""
    arn: str = ""
    properties: Json = field(default_factory=dict)
    policy: Json | None = None
    enabled: bool | None = None
    beside: Json = field(default_factory=dict)
    new_key: str = ""

    @property
    def label(self) -> str:
        return f"{self.kind.noun} {self.key}"


@dataclass(frozen=True, slots=True)
class Unexpressed:
    """Something of the source that no template here carries, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Estate:
    """All that was read of one side's surroundings, what of it cannot be carried, and the calls that were refused.

    `unread` has the service and the subject of each refused call, "" where that was a list.
    """

    resources: tuple[Resource, ...] = ()
    unexpressed: tuple[Unexpressed, ...] = ()
    not_read: tuple[str, ...] = ()
    unread: frozenset[tuple[str, str]] = frozenset()

    def of(self, kinds: Iterable[ResourceKind]) -> list[Resource]:
        wanted = frozenset(kinds)
        return [resource for resource in self.resources if resource.kind in wanted]

    def by_label(self) -> Mapping[str, Resource]:
        return {resource.label: resource for resource in self.resources}
