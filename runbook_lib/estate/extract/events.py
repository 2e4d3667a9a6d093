"""EventBridge: buses, rules with their targets, and schedules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runbook_lib.aws.reading.listings import BUSES, RULE_TARGETS, RULES, SCHEDULES
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import Json, capitalized, carried, cloudformation_tags, parsed
from runbook_lib.estate.members import BUS, RULE, SCHEDULE, SCHEDULE_TARGET, SCHEDULE_TARGET_LEFT, TARGET
from runbook_lib.estate.resource import Resource, ResourceKind, Unexpressed

DEFAULT = "default"


def bus_names(reader: ServiceReader) -> list[str]:
    """The names of all buses."""
    return sorted(entry["Name"] for entry in reader.entries(BUSES))


def read_buses(reader: ServiceReader, names: Iterable[str]) -> tuple[list[Resource], list[Unexpressed]]:
    """The buses of these names with their rules; the default bus is everywhere, and only its rules are read."""
    found: list[Resource] = []
    left: list[Unexpressed] = []
    for name in sorted(set(names)):
        if name.startswith("aws."):
            left.append(Unexpressed(f"event bus {name}", "a partner's events come to it: subscribe to them anew"))
            continue
        if name != DEFAULT:
            found += _bus(reader, name)
        for entry in reader.entries(RULES, name, EventBusName=name):
            if entry.get("ManagedBy"):
                left.append(Unexpressed(f"rule {name}/{entry['Name']}", f"{entry['ManagedBy']} makes and keeps it"))
            else:
                found.append(_rule(reader, name, entry))
    return found, left


def _bus(reader: ServiceReader, name: str) -> list[Resource]:
    answer = reader.get("events", "DescribeEventBus", name, Name=name)
    if answer is None:
        return []
    properties = carried(answer, BUS)
    policy = parsed(properties.pop("Policy", None))
    properties |= _tags(reader, name, answer.get("Arn", ""))
    return [Resource(ResourceKind.BUS, name, name, answer.get("Arn", ""), properties, policy)]


def _rule(reader: ServiceReader, bus: str, entry: Json) -> Resource:
    key = f"{bus}/{entry['Name']}"
    properties = carried(entry, RULE)
    state = properties.pop("State", "ENABLED")
    if "EventPattern" in properties:
        properties["EventPattern"] = parsed(properties["EventPattern"])
    targets = [_target(each) for each in reader.entries(RULE_TARGETS, key, Rule=entry["Name"], EventBusName=bus)]
    if targets:
        properties["Targets"] = sorted(targets, key=lambda target: str(target["Id"]))
    if bus != DEFAULT:
        properties["EventBusName"] = bus
    properties |= _tags(reader, key, entry.get("Arn", ""))
    if state not in ("ENABLED", "DISABLED"):
        properties["EnabledAs"] = state
    return Resource(ResourceKind.RULE, key, entry["Name"], entry.get("Arn", ""), properties, None, state != "DISABLED")


def _target(entry: Json) -> Json:
    target = carried(entry, TARGET)
    if "EcsParameters" in target:
        target["EcsParameters"] = capitalized(target["EcsParameters"], "AwsVpcConfiguration")
    return target


def _tags(reader: ServiceReader, key: str, arn: str) -> Json:
    tags = cloudformation_tags((reader.get("events", "ListTagsForResource", key, ResourceARN=arn) or {}).get("Tags"))
    return {"Tags": tags} if tags else {}


def schedule_keys(reader: ServiceReader) -> list[str]:
    """All schedules as GROUP/NAME."""
    return sorted(f"{entry.get('GroupName', DEFAULT)}/{entry['Name']}" for entry in reader.entries(SCHEDULES))


def read_schedules(
    reader: ServiceReader, keys: Iterable[str], now: datetime
) -> tuple[list[Resource], list[Unexpressed]]:
    """The schedules of these keys, and the groups that they are in; those that will never act again are named."""
    found: list[Resource] = []
    left: list[Unexpressed] = []
    for key in sorted(set(keys)):
        group, _, name = key.partition("/")
        answer = reader.get("scheduler", "GetSchedule", key, Name=name, GroupName=group)
        if answer is None:
            continue
        if why := _is_over(answer, now):
            left.append(Unexpressed(f"schedule {key}", why))
            continue
        if _moment(answer.get("StartDate")) < now:
            left.append(Unexpressed(f"schedule {key}, StartDate", "it is past, and would be refused: without it"))
            answer = {name: value for name, value in answer.items() if name != "StartDate"}
        if group != DEFAULT and not any(r.kind is ResourceKind.SCHEDULE_GROUP and r.name == group for r in found):
            found.append(Resource(ResourceKind.SCHEDULE_GROUP, group, group))
        found.append(_schedule(group, name, answer))
        if answer.get("ActionAfterCompletion", "NONE") != "NONE":
            left.append(Unexpressed(f"schedule {key}, ActionAfterCompletion", "CloudFormation has no property for it"))
        left += [
            Unexpressed(f"schedule {key}, Target {member}", "CloudFormation has no property for it")
            for member in SCHEDULE_TARGET_LEFT
            if (answer.get("Target") or {}).get(member)
        ]
        if str(answer.get("ScheduleExpression", "")).startswith("at("):
            left.append(Unexpressed(f"schedule {key}", "it is for one moment: once that is past, it is refused"))
    return found, left


def _is_over(answer: Json, now: datetime) -> str:
    """Why a schedule will never act again; "" if it may."""
    if _moment(answer.get("EndDate")) < now:
        return "its EndDate is past: it will never act again"
    said = re.fullmatch(r"at\((.+)\)", str(answer.get("ScheduleExpression", "")))
    try:
        zone = ZoneInfo(str(answer.get("ScheduleExpressionTimezone") or "UTC"))
        once = datetime.fromisoformat(said[1]).replace(tzinfo=zone) if said else now
    except (ValueError, ZoneInfoNotFoundError):
        return ""  # CloudFormation will say what is wrong with it
    return "it was for one moment, which is past: it will never act again" if once < now else ""


def _moment(value: Any) -> datetime:
    """A moment as boto3 gives it, or as a text; one without a zone is UTC's."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value or "9999-12-31"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _schedule(group: str, name: str, answer: Json) -> Resource:
    properties = carried(answer, SCHEDULE)
    state = properties.pop("State", "ENABLED")
    for moment in ("StartDate", "EndDate"):
        if moment in properties and not isinstance(properties[moment], str):
            properties[moment] = properties[moment].isoformat()
    target = carried(properties.get("Target") or {}, SCHEDULE_TARGET)
    if "EcsParameters" in target:
        target["EcsParameters"] = capitalized(target["EcsParameters"], "AwsvpcConfiguration")
    properties["Target"] = target
    if group != DEFAULT:
        properties["GroupName"] = group
    beside = carried(answer.get("Target") or {}, SCHEDULE_TARGET_LEFT)
    if (after := answer.get("ActionAfterCompletion", "NONE")) != "NONE":
        beside["ActionAfterCompletion"] = after
    return Resource(
        ResourceKind.SCHEDULE, f"{group}/{name}", name, answer.get("Arn", ""), properties, None, state == "ENABLED",
        beside,
    )  # fmt: skip
