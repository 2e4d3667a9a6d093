"""The template of the surroundings as a CDK app: every resource as it is in the template, so that the two agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runbook_lib.errors import ConfigError
from runbook_lib.estate.resource import Json
from runbook_lib.iac.cdk import condition_call, parameter_call, spell_value
from runbook_lib.iac.surroundings.intrinsics import has_null

APP = '''"""{description}

pip install aws-cdk-lib constructs     (2.178 or newer)
cdk deploy --app "python THIS_FILE"
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct


class Surroundings(cdk.Stack):
    def __init__(self, scope: Construct, name: str, **options: Any) -> None:
        super().__init__(scope, name, **options)
        self.template_options.metadata = {metadata}
{constructs}

    def resource(
        self, name: str, kind: str, metadata: dict[str, Any], waits: list[str], properties: dict[str, Any]
    ) -> None:
        made = cdk.CfnResource(self, name, type=kind, properties=properties)
        for key, value in metadata.items():
            made.add_metadata(key, value)
        if waits:
            made.add_override("DependsOn", waits)


app = cdk.App()
Surroundings(
    app,
    {stack!r},
    description={description!r},
    env=cdk.Environment(region={region!r}),
)
app.synth()
'''


def surroundings_app(template: Mapping[str, Any], name: str, region: str) -> str:
    """The text of a CDK app with one stack; raises ConfigError for what CDK would lose: a null."""
    lost = sorted(key for key, said in template["Resources"].items() if has_null(said["Properties"]))
    if lost:
        raise ConfigError(
            f"--format cdk: CDK drops every null, and {', '.join(lost)} match one; expected --format cloudformation"
        )
    constructs = [
        *(parameter_call(key, said) for key, said in template["Parameters"].items()),
        *(condition_call(key, said) for key, said in template["Conditions"].items()),
        *(_resource(key, said) for key, said in template["Resources"].items()),
    ]
    return APP.format(
        description=template["Description"],
        metadata=spell_value(template["Metadata"], 8),
        constructs="\n".join(constructs),
        stack=re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-"),
        region=region,
    )


def _resource(name: str, said: Json) -> str:
    metadata, waits = spell_value(said["Metadata"], 12), spell_value(said.get("DependsOn", []), 12)
    properties = spell_value(said["Properties"], 12)
    lines = [
        f"            {name!r},",
        f"            {said['Type']!r},",
        f"            {metadata},",
        f"            {waits},",
    ]
    return "\n".join(["        self.resource(", *lines, f"            {properties},", "        )"])
