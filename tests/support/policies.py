"""Policies of a few planned tables, and what they allow."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration
from runbook_lib.iac.iam_policy import policies
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.sandbox import demo_config
from tests.support.world import ACCOUNT


def assumed_role(region: str, account: str = ACCOUNT, partition: str = "aws") -> Identity:
    return Identity(account, region, f"arn:{partition}:sts::{account}:assumed-role/r/s", "https://aws")


def table_arn(table: str, region: str = "us-east-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}"


def planned(name: str, method: str, **more: Any) -> TablePermissions:
    return TablePermissions(name, table_arn(name), table_arn(f"{name}-new", "us-east-2"), method, **more)


def policies_for(*grants: TablePermissions, target: Identity | None = None, **changes: Any) -> dict[str, Any]:
    """The policies of grants, without asking who names tables; changes go into the sections of the demo's file."""
    config = Migration.model_validate(demo_config("https://aws", **{"references": {"in_preflight": False}, **changes}))
    return policies(config, list(grants), assumed_role("us-east-1"), target or assumed_role("us-east-2"))


def actions_of(policy: dict[str, Any], service: str = "") -> set[str]:
    found = {action for statement in policy["Statement"] for action in statement["Action"]}
    return {action for action in found if action.startswith(service)}


def resources_of(policy: dict[str, Any], action: str) -> set[str]:
    """The resources that an action is allowed on."""
    return {r for s in policy["Statement"] if action in s["Action"] for r in s["Resource"]}
