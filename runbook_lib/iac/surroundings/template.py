"""The template of an estate that was rewritten for the target: its resources, parameters and what it leaves out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from runbook_lib.errors import ConfigError
from runbook_lib.estate.extract.monitoring import children_of
from runbook_lib.estate.resource import Json, Resource, ResourceKind, Unexpressed
from runbook_lib.estate.text_parts import Hole, OwnArn, PartedText, each_text
from runbook_lib.iac.cloudformation import NOTES, RESOURCES, logical_ids
from runbook_lib.iac.surroundings.intrinsics import references_in, spelled
from runbook_lib.iac.surroundings.sleep import WAKING, state_of, waking_conditions, waking_parameters

PARAMETERS = 200  # of one template; source: "Understand CloudFormation quotas", CloudFormation User Guide
NAME_OF = {
    ResourceKind.QUEUE: "QueueName",
    ResourceKind.TOPIC: "TopicName",
    ResourceKind.BUS: "Name",
    ResourceKind.RULE: "Name",
    ResourceKind.SCHEDULE_GROUP: "Name",
    ResourceKind.SCHEDULE: "Name",
    ResourceKind.PIPE: "Name",
    ResourceKind.ALARM: "AlarmName",
    ResourceKind.COMPOSITE_ALARM: "AlarmName",
    ResourceKind.DASHBOARD: "DashboardName",
    ResourceKind.LOG_GROUP: "LogGroupName",
}
POLICIES = {
    ResourceKind.QUEUE: ("AWS::SQS::QueuePolicy", "Queues"),
    ResourceKind.TOPIC: ("AWS::SNS::TopicPolicy", "Topics"),
}
POSITION: Json = {
    "Type": "String",
    "AllowedValues": ["LATEST", "TRIM_HORIZON"],
    "Description": "Where to begin in the tables' streams: LATEST skips what was written before, TRIM_HORIZON reads "
    "up to a day of it again, the import too.",
}
ASLEEP = "Nothing here acts by itself until its parameter says awake; what is off in the source stays off."
CIRCLE = (
    "queues that hand over to each other in a circle cannot be made by one template; once both are there, set it with "
    "aws sqs set-queue-attributes --attributes RedrivePolicy=..."
)


RESOLVED = "it holds a dynamic reference, which CloudFormation would replace by what it names: make it by hand"


def around_template(
    description: str, resources: Collection[Resource], left: Iterable[Unexpressed], not_read: Iterable[str]
) -> Json:
    """A template; `resources` are rewritten, `left` and `not_read` stand in its metadata.

    Raises ConfigError where a template cannot hold them all.
    """
    chosen = sorted((r for r in resources if not _is_resolved(r)), key=lambda r: (r.kind, r.key, r.arn))
    left = [*left, *(Unexpressed(r.label, RESOLVED) for r in resources if _is_resolved(r))]
    circles = back_edges(chosen)
    labels = _unique_labels(chosen)
    waking = {WAKING[r.kind][0] for r in chosen if r.kind in WAKING}
    texts = [text for r in chosen for text in each_text([r.properties, r.policy])]
    holes = {hole.parameter: hole for text in texts for hole in text.holes()}
    attached = [_attached(label) for label, r in zip(labels, chosen, strict=True) if r.policy is not None]
    ids = logical_ids([*labels, *attached], {*waking, *holes, "StartingPosition", *(f"{name}Awake" for name in waking)})
    of_label = {resource.label: (ids[label], resource.kind) for label, resource in zip(labels, chosen, strict=True)}
    named = {(r.kind.noun, r.name): ids[label] for label, r in zip(labels, chosen, strict=True) if r.name}
    made: Json = {}
    for label, resource in zip(labels, chosen, strict=True):
        in_circle = resource.kind is ResourceKind.QUEUE and resource.key in circles
        waits = _waits_for(resource, named)
        made |= _made(resource, ids[label], of_label, sorted(waits), in_circle=in_circle)
        made |= _policy(resource, ids[label], ids.get(_attached(label), ""), of_label)
    if len(made) > RESOURCES:
        raise ConfigError(
            f"surroundings: a template holds {RESOURCES} resources, found {len(made)}; write one for each --stack, or "
            "narrow surroundings.alarms and the others and write one for each part"
        )
    said = [f"{each.what}: {each.why}" for each in left] + [f"{name}, RedrivePolicy: {CIRCLE}" for name in circles]
    kinds = {resource.kind for resource in chosen if resource.enabled}
    parameters = waking_parameters(kinds) | _positions(made) | _of_holes(holes, made)
    if len(parameters) > PARAMETERS:
        raise ConfigError(
            f"surroundings: a template has at most {PARAMETERS} parameters, found {len(parameters)}: so many ARNs lead "
            "outside; write one for each --stack, or select what they lead to"
        )
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        "Metadata": _notes(said, list(not_read)),
        "Parameters": parameters,
        "Conditions": waking_conditions(kinds),
        "Resources": made,
    }


def _is_resolved(resource: Resource) -> bool:
    """Whether CloudFormation would put a secret or a parameter in place of one of its texts, which are texts here."""
    return "{{resolve:" in str([resource.properties, resource.policy])


def _unique_labels(resources: list[Resource]) -> list[str]:
    """A label for each, also where one thing is connected with another twice."""
    found: list[str] = []
    for resource in resources:
        number = 1
        while (label := resource.label if number == 1 else f"{resource.label} {number}") in found:
            number += 1
        found.append(label)
    return found


def _notes(said: list[str], not_read: list[str]) -> Json:
    notes: Json = {"Asleep": ASLEEP, "Size": NOTES["Size"]}
    if said:
        notes["NotCarriedOver"] = said
    if not_read:
        notes["NotChecked"] = [f"{each}; what it would show is not here" for each in not_read]
    return notes


def _made(
    resource: Resource, name: str, ids: Mapping[str, tuple[str, ResourceKind]], waits: list[str], *, in_circle: bool
) -> Json:
    properties = {k: v for k, v in resource.properties.items() if k != "EnabledAs"}
    if in_circle:
        properties.pop("RedrivePolicy", None)
    if resource.kind in NAME_OF:
        properties = {NAME_OF[resource.kind]: resource.name} | properties
    if resource.kind is ResourceKind.BUS and resource.policy is not None:
        properties["Policy"] = resource.policy
    body: Json = {"Type": resource.kind.value, "Metadata": {"Source": resource.key}}
    if waits:
        body["DependsOn"] = waits
    properties |= state_of(resource) | _position(resource)
    body["Properties"] = spelled(properties, ids)
    return {name: body}


def _attached(label: str) -> str:
    """The label of a policy that is a resource of its own."""
    return f"{label} Policy"


def _policy(resource: Resource, of: str, name: str, ids: Mapping[str, tuple[str, ResourceKind]]) -> Json:
    """The policy of a queue or topic, which is a resource of its own."""
    if resource.policy is None or resource.kind not in POLICIES:
        return {}
    kind, member = POLICIES[resource.kind]
    properties = {member: [{"Ref": of}], "PolicyDocument": spelled(resource.policy, ids)}
    return {name: {"Type": kind, "Metadata": {"Source": resource.key}, "Properties": properties}}


def _position(resource: Resource) -> Json:
    """Where to begin in a stream is not copied: it is asked."""
    if resource.kind is ResourceKind.MAPPING and _reads_stream(resource):
        return {"StartingPosition": {"Ref": "StartingPosition"}}
    if resource.kind is ResourceKind.PIPE and "DynamoDBStreamParameters" in resource.properties.get(
        "SourceParameters", {}
    ):
        parameters = dict(resource.properties["SourceParameters"])
        stream = dict(parameters["DynamoDBStreamParameters"]) | {"StartingPosition": {"Ref": "StartingPosition"}}
        return {"SourceParameters": parameters | {"DynamoDBStreamParameters": stream}}
    return {}


def _reads_stream(resource: Resource) -> bool:
    """Whether its source is the stream of a table, whose ARN nobody knows before the table is there."""
    texts = each_text(resource.properties.get("EventSourceArn"))
    return any(hole.begins is not None for text in texts for hole in text.holes())


def _waits_for(resource: Resource, named: Mapping[tuple[str, str], str]) -> set[str]:
    """What is named by text alone, and has to be there first."""
    if resource.kind is ResourceKind.COMPOSITE_ALARM:
        rule = resource.properties.get("AlarmRule", "")
        pieces = rule.parts if isinstance(rule, PartedText) else [rule]
        children = children_of(" ".join(piece for piece in pieces if type(piece) is str))
        children |= {name for name in [resource.properties.get("ActionsSuppressor")] if isinstance(name, str)}
        return {name for (noun, new), name in named.items() if noun.endswith("alarm") and new in children}
    wanted = {(ResourceKind.BUS.noun, resource.properties.get("EventBusName"))}
    wanted |= {(ResourceKind.SCHEDULE_GROUP.noun, resource.properties.get("GroupName"))}
    return {name for key, name in named.items() if key in wanted}


def _positions(made: Json) -> Json:
    return {"StartingPosition": POSITION} if "StartingPosition" in references_in(made) else {}


def _of_holes(holes: Mapping[str, Hole], made: Json) -> Json:
    used = references_in(made)
    return {
        name: {"Type": "String", "Description": hole.why[:4000]}
        | ({"Default": hole.default} if hole.default else {})
        | ({"NoEcho": True} if hole.secret else {})
        for name, hole in sorted(holes.items())
        if name in used
    }


def back_edges(resources: Iterable[Resource]) -> list[str]:
    """The queues whose dead-letter queue, in the end, is they themselves: one of each circle, always the same."""
    labels = {r.key: r for r in resources if r.kind is ResourceKind.QUEUE}
    onward = {key: _dead_letter(resource) for key, resource in labels.items()}
    found: list[str] = []
    for start in sorted(onward):
        path: list[str] = []
        at: str | None = start
        while at is not None and at in onward and at not in path and at not in found:
            path.append(at)
            at = onward[at]
        if at is not None and at in path:
            found.append(max(path[path.index(at) :]))
    return sorted(set(found))


def _dead_letter(resource: Resource) -> str | None:
    arn = (resource.properties.get("RedrivePolicy") or {}).get("deadLetterTargetArn")
    own = [part for text in each_text(arn) for part in text.parts if isinstance(part, OwnArn)]
    return own[0].label.removeprefix("queue ") if own else None
