"""CloudWatch: alarms, dashboards and log groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from runbook_lib.aws.reading.listings import ALARMS, DASHBOARDS, LOG_GROUPS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import Json, carried, cloudformation_tags, parsed
from runbook_lib.estate.members import ALARM, COMPOSITE, LOG_GROUP
from runbook_lib.estate.resource import Resource, ResourceKind, Unexpressed

CHILD = re.compile(r"""(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]*)"|'([^']*)'|([^)\s]+))\s*\)""")
LOG_GROUP_BESIDE = {
    "metricFilterCount": "its metric filters are not carried: make them by hand",
    "dataProtectionStatus": "its data protection policy is not carried: put it by hand",
}
Wants = Callable[[str, Any], bool]


def children_of(rule: str) -> set[str]:
    """The alarms that the rule of a composite alarm names; by their names, also where it has their ARNs."""
    names = {next(filter(None, groups), "") for groups in CHILD.findall(rule)}
    return {name.partition(":alarm:")[2] or name for name in names}


def read_alarms(reader: ServiceReader, wants: Wants, *, grows: bool = True) -> tuple[list[Resource], list[Unexpressed]]:
    """The alarms that are wanted. If they grow, also what a wanted composite alarm names, and the composite alarms of
    which all children are wanted; one that cannot be made, or watches others too, is named."""
    entries = {e["AlarmName"]: e for e in reader.entries(ALARMS, AlarmTypes=["MetricAlarm", "CompositeAlarm"])}
    wanted = {name for name, entry in entries.items() if wants(name, entry)}
    kept = {name for name in wanted if _is_of_scaling(entries[name])} if grows else set()
    left = [Unexpressed(f"alarm {name}", "auto scaling makes and keeps it") for name in sorted(kept)]
    chosen = wanted - kept
    if grows:
        children = {n: _named_by(e) for n, e in entries.items() if e["Member"] == "CompositeAlarms"}
        chosen, unmade = _with_composites(chosen, children, frozenset(entries))
        left += unmade
    return [_alarm(reader, entries[name]) for name in sorted(chosen)], left


def _with_composites(
    wanted: set[str], children: Mapping[str, set[str]], known: frozenset[str]
) -> tuple[set[str], list[Unexpressed]]:
    """What is wanted and what it brings, from the bottom up, and the composite alarms that are not among it."""
    meant = set(wanted)
    while more := {child for name in meant & children.keys() for child in children[name] & known} - meant:
        meant |= more
    made = meant - children.keys()
    while more := {name for name, named in children.items() if named and named <= made} - made:
        made |= more
    left = []
    for name in sorted(children.keys() - made):
        if name in meant:
            why = "it names alarms that are not there, or that name it in a circle: make it by hand"
        elif children[name] & made:
            why = "it names other alarms too: name it in surroundings.alarms, and they come along"
        else:
            continue
        left.append(Unexpressed(f"composite alarm {name}", why))
    return made, left


def _named_by(entry: Json) -> set[str]:
    """The alarms that a composite one names, in its rule and as the one that suppresses it."""
    suppressor = str(entry.get("ActionsSuppressor") or "")
    return children_of(entry["AlarmRule"]) | ({suppressor.partition(":alarm:")[2] or suppressor} - {""})


def _is_of_scaling(entry: Json) -> bool:
    """Whether auto scaling keeps it, which makes its own in the target."""
    actions = entry.get("AlarmActions") or ()
    return entry["AlarmName"].startswith("TargetTracking-") and any(":autoscaling:" in action for action in actions)


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


def read_log_groups(reader: ServiceReader, wants: Callable[[str], bool]) -> tuple[list[Resource], list[Unexpressed]]:
    """The log groups that are wanted; what they hold is never read."""
    found: list[Resource] = []
    left: list[Unexpressed] = []
    for entry in reader.entries(LOG_GROUPS):
        if not wants(entry["logGroupName"]):
            continue
        name, arn = entry["logGroupName"], str(entry.get("logGroupArn") or entry.get("arn", "")).removesuffix(":*")
        properties = {member[:1].upper() + member[1:]: value for member, value in carried(entry, LOG_GROUP).items()}
        properties = {n: v for n, v in properties.items() if v not in (False, "STANDARD")}
        tags = cloudformation_tags((reader.get("logs", "ListTagsForResource", name, resourceArn=arn) or {}).get("tags"))
        if tags:
            properties["Tags"] = tags
        beside = {m: entry[m] for m in LOG_GROUP_BESIDE if entry.get(m) and entry[m] != "DISABLED"}
        left += [Unexpressed(f"log group {name}, {m}", LOG_GROUP_BESIDE[m]) for m in beside]
        found.append(Resource(ResourceKind.LOG_GROUP, name, name, arn, properties, beside=beside))
    return sorted(found, key=lambda group: group.key), left
