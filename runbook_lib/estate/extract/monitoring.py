"""CloudWatch: alarms, dashboards and log groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from runbook_lib.aws.reading.listings import ALARMS, DASHBOARDS, LOG_GROUPS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import Json, carried, cloudformation_tags, parsed
from runbook_lib.estate.members import ALARM, COMPOSITE, LOG_GROUP
from runbook_lib.estate.resource import Resource, ResourceKind

CHILD = re.compile(r"""(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]*)"|'([^']*)'|([^)\s]+))\s*\)""")
Wants = Callable[[str, Any], bool]


def children_of(rule: str) -> set[str]:
    """The alarms that the rule of a composite alarm names; by their names, also where it has their ARNs."""
    names = {next(filter(None, groups), "") for groups in CHILD.findall(rule)}
    return {name.partition(":alarm:")[2] or name for name in names}


def read_alarms(reader: ServiceReader, wants: Wants) -> list[Resource]:
    """The metric alarms that are wanted, and the composite ones all of whose alarms are, from the bottom up."""
    entries = reader.entries(ALARMS, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    chosen = {e["AlarmName"]: e for e in entries if e["Member"] == "MetricAlarms" and wants(e["AlarmName"], e)}
    composite = {e["AlarmName"]: e for e in entries if e["Member"] == "CompositeAlarms"}
    grown = True
    while grown:
        more = {
            name: entry
            for name, entry in composite.items()
            if name not in chosen and (children := children_of(entry["AlarmRule"])) and children <= chosen.keys()
        }
        chosen |= more
        grown = bool(more)
    return [_alarm(reader, chosen[name]) for name in sorted(chosen)]


def _alarm(reader: ServiceReader, entry: Json) -> Resource:
    is_composite = entry["Member"] == "CompositeAlarms"
    name, arn = entry["AlarmName"], entry.get("AlarmArn", "")
    properties = carried(entry, COMPOSITE if is_composite else ALARM)
    enabled = bool(properties.pop("ActionsEnabled", False))
    tags = cloudformation_tags(
        (reader.get("cloudwatch", "ListTagsForResource", name, ResourceARN=arn) or {}).get("Tags")
    )
    if tags:
        properties["Tags"] = tags
    kind = ResourceKind.COMPOSITE_ALARM if is_composite else ResourceKind.ALARM
    return Resource(kind, name, name, arn, properties, None, enabled)


def read_dashboards(reader: ServiceReader, wants: Wants) -> list[Resource]:
    """The dashboards that are wanted, each with its body as a structure."""
    found = []
    for entry in reader.entries(DASHBOARDS):
        name = entry["DashboardName"]
        answer = reader.get("cloudwatch", "GetDashboard", name, DashboardName=name)
        body = parsed((answer or {}).get("DashboardBody"))
        if answer is not None and wants(name, body):
            found.append(
                Resource(ResourceKind.DASHBOARD, name, name, answer.get("DashboardArn", ""), {"DashboardBody": body})
            )
    return sorted(found, key=lambda dashboard: dashboard.key)


def read_log_groups(reader: ServiceReader, wants: Callable[[str], bool]) -> list[Resource]:
    """The log groups that are wanted; what they hold is never read."""
    found = []
    for entry in reader.entries(LOG_GROUPS):
        if not wants(entry["logGroupName"]):
            continue
        name, arn = entry["logGroupName"], str(entry.get("logGroupArn") or entry.get("arn", "")).removesuffix(":*")
        properties = {member[:1].upper() + member[1:]: value for member, value in carried(entry, LOG_GROUP).items()}
        properties = {n: v for n, v in properties.items() if v not in (False, "STANDARD")}
        tags = cloudformation_tags((reader.get("logs", "ListTagsForResource", name, resourceArn=arn) or {}).get("tags"))
        if tags:
            properties["Tags"] = tags
        found.append(Resource(ResourceKind.LOG_GROUP, name, name, arn, properties))
    return sorted(found, key=lambda group: group.key)
