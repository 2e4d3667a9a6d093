"""The names in the last part of an ARN, which each service puts elsewhere, under their new names."""

from __future__ import annotations

import re

from runbook_lib.estate.name_map import DEFAULT, NameMap
from runbook_lib.estate.resource import Resource, ResourceKind

NO_NAME = re.compile(r"\*|\d+|\$LATEST|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|")
LAST_ALONE = ("iam",)  # before a role's name there is a path
FIRST_ALONE = ("lambda", "states")  # after a function's name there is a version or an alias


def rest_of(own: Resource, names: NameMap) -> str:
    """The last part of the ARN of a resource of the estate, with its new names."""
    rest = own.arn.split(":", 5)[5]
    old, (new, _) = own.key, names.of(own)
    if own.kind is ResourceKind.RULE:
        bus, _, name = new.partition("/")
        return f"rule/{name}" if bus == DEFAULT else f"rule/{bus}/{name}"
    if own.kind in (ResourceKind.QUEUE, ResourceKind.TOPIC):
        return new
    return rest[: rest.rindex(old)] + new + rest[rest.rindex(old) + len(old) :] if old in rest else rest


def renamed_rest(service: str, rest: str, names: NameMap) -> str:
    """The last part of an ARN of something else, with new names for those that it has."""
    if service == "logs" and rest.startswith("log-group:"):
        group, mark, stream = rest.removeprefix("log-group:").partition(":")
        return f"log-group:{names.of_kind(ResourceKind.LOG_GROUP, group)}{mark}{stream}"
    if service == "cloudwatch" and rest.startswith("alarm:"):
        return f"alarm:{names.new(rest.removeprefix('alarm:'))}"
    parts = re.split("([:/])", rest)
    at = range(0 if len(parts) == 1 else 2, len(parts), 2)
    if service in LAST_ALONE:
        at = at[-1:]
    elif service in FIRST_ALONE:
        at = at[:1]
    for number in at:
        if not NO_NAME.fullmatch(parts[number]):
            parts[number] = names.of_holder(parts[number])
    return "".join(parts)
