"""The source's tables as infrastructure code, under their target names: CloudFormation, or a CDK app of it.

One template is made, and the CDK app is that template spelled in Python, so the two cannot differ. The
same source gives the same text. Nothing is created here, and the target is not asked anything.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from runbook_lib.aws.autoscaling import Scaling, read_scaling
from runbook_lib.aws.dynamodb.describe.definition import TableDefinition, read_definition
from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.config.model import Migration, load_config
from runbook_lib.errors import ConfigError
from runbook_lib.iac.autoscaling import names_of, scaling_resources
from runbook_lib.iac.cdk import cdk_app
from runbook_lib.plan.naming import select_tables
from runbook_lib.schema.table_properties import drop_none, table_properties

Json = dict[str, Any]
LOOKS_AT_ONCE = 8
RESOURCES = 500  # of one template; source: "Understand CloudFormation quotas", CloudFormation User Guide
INLINE_BYTES = 51_200  # of a template that is not fetched from S3; same source
NOTHING: Json = {"Ref": "AWS::NoValue"}
NOTES = {
    "Contents": "Keys, indexes, capacity, auto scaling, stream, TTL, recovery, encryption, tags, protection and "
    "class are the source's. Not part of it: items, scheduled scaling, warm throughput, resource policies, "
    "contributor insights, Kinesis destinations and alarms.",
    "Deletion": "RemovalPolicy is the tables' DeletionPolicy; the transform makes it a parameter, so deploy with "
    "--capabilities CAPABILITY_AUTO_EXPAND. UpdateReplacePolicy is Retain: no change of the stack deletes a table.",
    "Encryption": "A KMS key belongs to its region. Tables encrypted with KMS take the key of a KmsKey "
    "parameter; left empty, it is the AWS managed key of the target.",
    "Size": f"CloudFormation takes a template of more than {INLINE_BYTES} bytes from S3 only: "
    "aws cloudformation deploy --s3-bucket.",
}
# Ids that mean something else in a template of CDK's.
RESERVED = frozenset({"Default", "CDKMetadata", "CDKMetadataAvailable", "BootstrapVersion", "CheckBootstrapVersion"})
REMOVAL: Json = {
    "Type": "String",
    "AllowedValues": ["Retain", "Delete"],
    "Default": "Retain",
    "Description": "What becomes of a table that is taken out of the stack, or of all of them with it.",
}
# Parameters that a condition turns into settings of the tables.
SWITCHES: dict[str, tuple[list[str], str]] = {
    "PointInTimeRecovery": (
        ["source", "on", "off"],
        "Point-in-time recovery of the tables: as each source table has it, or on or off for all.",
    ),
    "DeletionProtection": (
        ["source", "on", "off"],
        "Deletion protection of the tables: as each source table has it, or on or off for all.",
    ),
    "Streams": (
        ["source", "off"],
        "Streams of the tables: as each source table has it, or off while items are loaded.",
    ),
}


def schema_of(config_path: str | Path, form: str) -> str:
    """The selected source tables under their target names, as `cloudformation` (YAML) or `cdk` (Python).

    Raises ConfigError when two sources share a target's name or a template cannot hold all tables.
    """
    config = load_config(config_path)
    clients = connect(config)
    targets = select_tables(config, list_tables(clients.source), at=clients.source_identity.spelled)
    _refuse_shared(targets)
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        definitions = list(pool.map(lambda source: read_definition(clients.source, source), targets))
    whole = template(config, {targets[d.name]: d for d in definitions}, _scaling(clients, definitions))
    return cdk_app(whole, config.name, config.target.region) if form == "cdk" else cloudformation(whole)


def _refuse_shared(targets: Mapping[str, str]) -> None:
    for target, count in Counter(targets.values()).items():
        if count > 1:
            sources = ", ".join(source for source, its in targets.items() if its == target)
            raise ConfigError(
                f"{target}: expected one source for each target; found sources {sources}; "
                "change tables.rename or tables.overrides"
            )


def _scaling(clients: Clients, definitions: Iterable[TableDefinition]) -> Scaling:
    """The auto scaling of the tables that can have one; nothing is asked if none can."""
    provisioned = [d.name for d in definitions if d.billing == "PROVISIONED"]
    return read_scaling(clients.service("source", "application-autoscaling"), provisioned) if provisioned else Scaling()


def template(config: Migration, tables: Mapping[str, TableDefinition], scaling: Scaling | None = None) -> Json:
    """A CloudFormation template of tables, given by the names they get, and of the scaling of their sources.

    Raises ConfigError if they are more than a template can hold.
    """
    scaling = scaling or Scaling()
    keys = _key_parameters(tables)
    conditions = _conditions(keys.values())
    taken = {*SWITCHES, "RemovalPolicy", *keys.values(), *conditions}
    ids = logical_ids(tables, taken)
    resources = {ids[name]: _resource(name, tables[name], keys) for name in sorted(tables)}
    scaled = [(name, c) for name in sorted(tables) for c in scaling.of(tables[name].name)]
    more = logical_ids((n for _, c in scaled for n in names_of(c)), {*taken, *ids.values()})
    for name, capacity in scaled:
        resources |= scaling_resources(capacity, name, ids[name], [more[n] for n in names_of(capacity)])
    if len(resources) > RESOURCES:
        raise ConfigError(
            f"tables: a template holds {RESOURCES} resources, found {len(resources)} for {len(tables)} tables; "
            "narrow tables.include and write a template for each part"
        )
    used = _conditions_in(resources)
    conditions = {name: test for name, test in conditions.items() if name in used}
    parameters = {**_switches(), "RemovalPolicy": REMOVAL, **_key_choices(keys, tables)}
    asked = str(conditions) + str(resources)
    unchecked = {"AutoScaling": f"Not checked ({scaling.unchecked}), so there is none here."}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::LanguageExtensions",
        "Description": f"Tables of {config.source.region} for {config.target.region}, "
        f"migration {config.name}; written by runbook schema.",
        "Metadata": NOTES | (unchecked if scaling.unchecked else {}),
        # Without those that decide nothing here, such as Streams where no source has one.
        "Parameters": {n: p for n, p in parameters.items() if f"'Ref': '{n}'" in asked},
        "Conditions": conditions,
        "Resources": resources,
    }


def cloudformation(whole: Json) -> str:
    """A template as YAML."""
    return yaml.dump(whole, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)


class _Dumper(yaml.SafeDumper):
    """YAML that every parser reads the same: no aliases; y and n quoted, for some take them for booleans."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node: yaml.MappingNode = super().represent_mapping(tag, mapping, flow_style)
        if any(len(value.value) > 60 for _, value in node.value if isinstance(value, yaml.ScalarNode)):
            node.flow_style = False  # sentences are read on lines of their own
        return node


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN"))


def logical_ids(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """An id for each table name: its letters and digits, with a digest added where that is not unique.

    Source: "Resources syntax", CloudFormation User Guide (alphanumeric, unique in the template); CDK
    also wants a letter first and two characters.
    """
    used, found = {*taken, *RESERVED}, {}
    for name in sorted(names):
        words = re.findall(r"[A-Za-z0-9]+", name)
        found[name] = "".join(word[0].upper() + word[1:] for word in words)[:240]
        if not re.match(r"[A-Za-z].", found[name]):
            found[name] = "Table" + found[name]
        while found[name] in used:
            found[name] = f"{found[name][:240]}{hashlib.sha256((name + found[name]).encode()).hexdigest()[:8]}"
        used.add(found[name])
    return found


def _key_parameters(tables: Mapping[str, TableDefinition]) -> dict[str, str]:
    """A parameter's name for every KMS key of the source."""
    keys = sorted({t.kms_key for t in tables.values() if t.kms_key is not None})
    return {key: f"KmsKey{number}" for number, key in enumerate(keys, 1)}


def _switches() -> Json:
    return {
        name: {"Type": "String", "AllowedValues": values, "Default": "source", "Description": words}
        for name, (values, words) in SWITCHES.items()
    }


def _key_choices(keys: Mapping[str, str], tables: Mapping[str, TableDefinition]) -> Json:
    return {
        parameter: {
            "Type": "String",
            "Default": "",
            "Description": f"Key ARN in the target's region for {_count(tables, key)}, which one key "
            "encrypts in the source; empty for the AWS managed key.",
        }
        for key, parameter in keys.items()
    }


def _count(tables: Mapping[str, TableDefinition], key: str) -> str:
    names = sorted(name for name, table in tables.items() if table.kms_key == key)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _conditions(key_parameters: Iterable[str]) -> Json:
    def chosen(parameter: str, value: str) -> Json:
        return {"Fn::Equals": [{"Ref": parameter}, value]}

    switches = {
        f"{name}{value.title()}": chosen(name, value)
        for name, (values, _) in SWITCHES.items()
        for value in values
        if value != "source"
    }
    return switches | {f"{name}Given": {"Fn::Not": [chosen(name, "")]} for name in key_parameters}


def _resource(name: str, table: TableDefinition, keys: Mapping[str, str]) -> Json:
    """One table."""
    beyond = {"NotCarriedOver": list(table.beyond)} if table.beyond else {}
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": {"Ref": "RemovalPolicy"},
        "UpdateReplacePolicy": "Retain",
        "Metadata": {"SourceTable": table.name, **beyond},
        "Properties": {
            "TableName": name,
            **table_properties(table),
            **drop_none(
                StreamSpecification=_unless("StreamsOff", {"StreamViewType": table.stream}) if table.stream else None,
                TimeToLiveSpecification={"AttributeName": table.ttl, "Enabled": True} if table.ttl else None,
                PointInTimeRecoverySpecification=_recovery(table.recovery_days),
                SSESpecification=_encryption(keys[table.kms_key]) if table.kms_key is not None else None,
                DeletionProtectionEnabled=_protection(table.deletion_protection),
                Tags=[{"Key": key, "Value": value} for key, value in table.tags],
            ),
        },
    }


def _unless(condition: str, value: Any, otherwise: Any = NOTHING) -> Json:
    return {"Fn::If": [condition, otherwise, value]}


def _recovery(days: int | None) -> Json:
    if days is None:
        return {"PointInTimeRecoveryEnabled": {"Fn::If": ["PointInTimeRecoveryOn", True, False]}}
    on = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    return _unless("PointInTimeRecoveryOff", on, {"PointInTimeRecoveryEnabled": False})


def _protection(protected: bool) -> Json:
    if protected:
        return _unless("DeletionProtectionOff", True, False)
    return {"Fn::If": ["DeletionProtectionOn", True, False]}


def _encryption(parameter: str) -> Json:
    key = {"Fn::If": [f"{parameter}Given", {"Ref": parameter}, NOTHING]}
    return {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def _conditions_in(value: Any) -> set[str]:
    """The names of all conditions that a value depends on."""
    if isinstance(value, dict):
        own = {value["Fn::If"][0]} if "Fn::If" in value else set()
        return own.union(*(_conditions_in(inner) for inner in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_conditions_in(inner) for inner in value))
    return set()
