"""A template as CloudFormation would read it: every function worked out for one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ARNS = {
    "AWS::SQS::Queue": ("sqs", "{QueueName}"),
    "AWS::SNS::Topic": ("sns", "{TopicName}"),
    "AWS::Events::EventBus": ("events", "event-bus/{Name}"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:{AlarmName}"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "alarm:{AlarmName}"),
}


def resolved(template: Mapping[str, Any], region: str, account: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Logical ids and resources, each with `Properties` worked out; a queue's or topic's policy is its `Policy`."""
    given = {name: values.get(name, said.get("Default")) for name, said in template["Parameters"].items()}
    given |= {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
    resources = template["Resources"]

    def arn(name: str) -> str:
        said = resources[name]
        if said["Type"] == "AWS::Events::Rule":
            bus = work_out(said["Properties"].get("EventBusName", "default"))
            own = said["Properties"]["Name"]
            return f"arn:aws:events:{region}:{account}:rule/{own if bus == 'default' else f'{bus}/{own}'}"
        service, form = ARNS[said["Type"]]
        return f"arn:aws:{service}:{region}:{account}:{form.format(**said['Properties'])}"

    def reference(name: str) -> Any:
        if name not in resources:
            assert given[name] is not None, f"{name} has no value"
            return given[name]
        kind, properties = resources[name]["Type"], resources[name]["Properties"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{region}.amazonaws.com/{account}/{properties['QueueName']}"
        return arn(name) if kind == "AWS::SNS::Topic" else properties["Name"]

    def holds(name: str) -> bool:
        left, right = (work_out(side) for side in template["Conditions"][name]["Fn::Equals"])
        return bool(left == right)

    def work_out(value: Any) -> Any:
        if isinstance(value, list):
            return [work_out(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            return reference(value["Ref"])
        if set(value) == {"Fn::GetAtt"}:
            assert value["Fn::GetAtt"][1] == "Arn"
            return arn(value["Fn::GetAtt"][0])
        if set(value) == {"Fn::Join"}:
            return value["Fn::Join"][0].join(map(str, work_out(value["Fn::Join"][1])))
        if set(value) == {"Fn::If"}:
            name, yes, no = value["Fn::If"]
            return work_out(yes if holds(name) else no)
        return {name: work_out(inner) for name, inner in value.items()}

    found = {name: said | {"Properties": work_out(said["Properties"])} for name, said in resources.items()}
    for said in list(found.values()):
        for member in ("Queues", "Topics"):
            if said["Type"].endswith("Policy") and member in said["Properties"]:
                (of,) = (r["Ref"] for r in template["Resources"][_id_of(found, said)]["Properties"][member])
                found[of]["Properties"]["Policy"] = said["Properties"]["PolicyDocument"]
    for said in found.values():
        body = said["Properties"].get("DashboardBody")
        if isinstance(body, str) and body.startswith("{"):
            said["Properties"]["DashboardBody"] = json.loads(body)
    return {name: said for name, said in found.items() if not said["Type"].endswith("Policy")}


def _id_of(found: Mapping[str, Any], said: Any) -> str:
    return next(name for name, each in found.items() if each is said)
