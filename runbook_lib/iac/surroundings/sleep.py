"""Born asleep: what acts by itself does nothing until a parameter wakes it, kind by kind."""

from __future__ import annotations

from typing import Any

from runbook_lib.estate.resource import Json, Resource, ResourceKind

AWAKE = "awake"
# The parameter that wakes a kind, and the property that says whether it acts, awake and asleep.
WAKING: dict[ResourceKind, tuple[str, str, Any, Any]] = {
    ResourceKind.RULE: ("Rules", "State", "ENABLED", "DISABLED"),
    ResourceKind.SCHEDULE: ("Schedules", "State", "ENABLED", "DISABLED"),
    ResourceKind.PIPE: ("Pipes", "DesiredState", "RUNNING", "STOPPED"),
    ResourceKind.MAPPING: ("Mappings", "Enabled", True, False),
    ResourceKind.ALARM: ("Alarms", "ActionsEnabled", True, False),
    ResourceKind.COMPOSITE_ALARM: ("Alarms", "ActionsEnabled", True, False),
}


def state_of(resource: Resource) -> Json:
    """The property that says whether a resource acts; what is off in the source stays off."""
    if resource.kind not in WAKING:
        return {}
    parameter, name, on, off = WAKING[resource.kind]
    on = resource.properties.get("EnabledAs", on)
    return {name: {"Fn::If": [f"{parameter}Awake", on, off]} if resource.enabled else off}


def waking_parameters(kinds: set[ResourceKind]) -> Json:
    """A parameter for each kind that is there and acts."""
    named = {WAKING[kind][0]: kind for kind in sorted(kinds & WAKING.keys())}
    return {
        parameter: {
            "Type": "String",
            "AllowedValues": ["asleep", AWAKE],
            "Default": "asleep",
            "Description": f"Whether each {kind.noun} that is on in the source acts here; asleep, none does.",
        }
        for parameter, kind in sorted(named.items())
    }


def waking_conditions(kinds: set[ResourceKind]) -> Json:
    """Whether a kind is awake."""
    named = sorted({WAKING[kind][0] for kind in kinds & WAKING.keys()})
    return {f"{parameter}Awake": {"Fn::Equals": [{"Ref": parameter}, AWAKE]} for parameter in named}
