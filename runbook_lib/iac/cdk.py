"""A CloudFormation template of DynamoDB tables, spelled as a CDK app in Python.

Every parameter, condition and resource becomes the L1 construct of the same id with the same values, so
its synthesis has them all again. The app's text depends on the template only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

WIDTH = 100
# What the members of a property's list are; any other structure is called after its property.
MEMBERS = {
    "AttributeDefinitions": "CfnTable.AttributeDefinitionProperty",
    "GlobalSecondaryIndexes": "CfnTable.GlobalSecondaryIndexProperty",
    "KeySchema": "CfnTable.KeySchemaProperty",
    "LocalSecondaryIndexes": "CfnTable.LocalSecondaryIndexProperty",
    "Tags": "cdk.CfnTag",
    "PredefinedMetricSpecification": "CfnScalingPolicy.PredefinedMetricSpecificationProperty",
    "TargetTrackingScalingPolicyConfiguration": "CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty",
}
SCALING = {"ScalableTarget": "CfnScalableTarget", "ScalingPolicy": "CfnScalingPolicy"}
IMPORT = "from aws_cdk.aws_applicationautoscaling import CfnScalableTarget, CfnScalingPolicy\n"
APP = '''"""{description}

pip install aws-cdk-lib constructs     (2.178 or newer)
cdk deploy --app "python THIS_FILE"
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
{imports}from aws_cdk.aws_dynamodb import CfnTable
from constructs import Construct


class Tables(cdk.Stack):
    def __init__(self, scope: Construct, name: str, **options: Any) -> None:
        super().__init__(scope, name, **options)
        self.template_options.metadata = {metadata}
        self.add_transform({transform!r})
{constructs}

    def table(self, name: str, metadata: dict[str, Any], **properties: Any) -> None:
        table = CfnTable(self, name, **properties)
        table.add_override("DeletionPolicy", {{"Ref": "RemovalPolicy"}})
        table.add_override("UpdateReplacePolicy", "Retain")
        for key, value in metadata.items():
            table.add_metadata(key, value)


app = cdk.App()
Tables(
    app,
    {stack!r},
    description={description!r},
    env=cdk.Environment(region={region!r}),
)
app.synth()
'''


def cdk_app(template: Mapping[str, Any], name: str, region: str) -> str:
    """The text of a CDK app with one stack, `tables-NAME`, for a region."""
    kinds = {name: said["Type"].rsplit("::", 1)[-1] for name, said in template["Resources"].items()}
    constructs = [
        *(parameter_call(i, said) for i, said in template["Parameters"].items()),
        *(condition_call(i, said) for i, said in template["Conditions"].items()),
        *(_table(i, said) for i, said in template["Resources"].items() if kinds[i] not in SCALING),
        *(_scaling(i, said, kinds[i]) for i, said in template["Resources"].items() if kinds[i] in SCALING),
    ]
    return APP.format(
        description=template["Description"],
        metadata=spell_value(template["Metadata"], 8),
        transform=template["Transform"],
        imports=IMPORT if set(kinds.values()) & set(SCALING) else "",
        constructs="\n".join(constructs),
        stack=re.sub(r"[^A-Za-z0-9]+", "-", f"tables-{name}").rstrip("-"),  # a stack's name has no dots
        region=region,
    )


def parameter_call(name: str, said: Mapping[str, Any]) -> str:
    """A parameter of the template as a construct."""
    values = {_snake(k): spell_value(v, 12) for k, v in said.items()}
    return _call("cdk.CfnParameter", ["self", repr(name)], values)


def condition_call(name: str, said: Mapping[str, Any]) -> str:
    """A condition of the template as a construct."""
    return _call("cdk.CfnCondition", ["self", repr(name)], {"expression": _test(said)})


def _table(name: str, said: Mapping[str, Any]) -> str:
    properties = {_snake(k): _typed(v, 12, k) for k, v in said["Properties"].items()}
    return _call("self.table", [repr(name), spell_value(said["Metadata"], 12)], properties)


def _scaling(name: str, said: Mapping[str, Any], kind: str) -> str:
    """A scaling resource, what it waits for and what is noted about it."""
    properties = {_snake(k): _typed(v, 12, k) for k, v in said["Properties"].items()}
    lines = [_call(SCALING[kind], ["self", repr(name)], properties)]
    found = f"self.node.find_child({name!r})"
    lines += [f"        {found}.add_dependency(self.node.find_child({other!r}))" for other in said.get("DependsOn", ())]
    lines += [
        f"        {found}.add_metadata({key!r}, {spell_value(value, 8)})"
        for key, value in said.get("Metadata", {}).items()
    ]
    return "\n".join(lines)


def _call(function: str, places: list[str], names: Mapping[str, str]) -> str:
    arguments = [*places, *(f"{name}={text}" for name, text in names.items())]
    return "        " + _wrapped(f"{function}(", arguments, ")", 8)


def _test(said: Mapping[str, Any]) -> str:
    """A condition as the intrinsic functions of CDK."""
    if "Fn::Not" in said:
        return f"cdk.Fn.condition_not({_test(said['Fn::Not'][0])})"
    reference, value = said["Fn::Equals"]
    return f"cdk.Fn.condition_equals(cdk.Fn.ref({reference['Ref']!r}), {value!r})"


def _typed(value: Any, indent: int, key: str) -> str:
    """The value of a construct's property `key`: structures by their types, `Fn::If` as a call."""
    if isinstance(value, dict) and "Fn::If" in value:
        name, yes, no = value["Fn::If"]
        both = [spell_value(yes, indent + 4), spell_value(no, indent + 4)]
        # The only text among the properties that a condition decides.
        text = ".to_string()" if key == "KMSMasterKeyId" else ""
        return _wrapped("cdk.Fn.condition_if(", [repr(name), *both], ")" + text, indent)
    if isinstance(value, dict) and set(value) == {"Ref"}:
        return f"cdk.Fn.ref({value['Ref']!r})"
    if isinstance(value, dict):
        names = [f"{_snake(k)}={_typed(v, indent + 4, k)}" for k, v in value.items()]
        return _wrapped(f"{MEMBERS.get(key) or f'CfnTable.{key}Property'}(", names, ")", indent)
    if isinstance(value, list):
        return _wrapped("[", [_typed(v, indent + 4, key) for v in value], "]", indent)
    return repr(value)


def spell_value(value: Any, indent: int) -> str:
    """A value as it is in the template."""
    if isinstance(value, dict):
        return _wrapped("{", [f"{k!r}: {spell_value(v, indent + 4)}" for k, v in value.items()], "}", indent)
    if isinstance(value, list):
        return _wrapped("[", [spell_value(v, indent + 4) for v in value], "]", indent)
    return repr(value)


def _wrapped(before: str, items: list[str], after: str, indent: int) -> str:
    """Items in brackets, on one line if they fit."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return f"{before}\n{inner}{' ' * indent}{after}"


def _snake(name: str) -> str:
    """The Python name of a property: SSESpecification is sse_specification."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
