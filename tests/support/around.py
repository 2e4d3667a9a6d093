"""Estates of resources around two tables, made in memory, and their template."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.iac.surroundings.of_config import rewrite_estate, template_of
from runbook_lib.sandbox import demo_config

ACCOUNT, FOREIGN = "111122223333", "444455556666"
TABLES = {
    "bebco-borrower-staging-users": "bebco-borrower-users-dev",
    "bebco-borrower-staging-loans": "bebco-borrower-loans-dev",
}
USERS, LOANS = TABLES
OLD = "bebco-borrower-staging-"


def side(region: str, account: str = ACCOUNT) -> Identity:
    return Identity(account, region, f"arn:aws:sts::{account}:assumed-role/r/s", "https://aws")


def queue(name: str, dead: str = "", **properties: Any) -> Resource:
    arn = "arn:aws:sqs:us-east-1:111122223333:"
    redrive = {"RedrivePolicy": {"deadLetterTargetArn": arn + dead, "maxReceiveCount": 3}} if dead else {}
    policy = properties.pop("policy", None)
    return Resource(ResourceKind.QUEUE, name, name, arn + name, redrive | properties, policy)


def alarm(name: str, **properties: Any) -> Resource:
    arn = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"
    return Resource(ResourceKind.ALARM, name, name, arn, properties, None, True)


def written(
    *resources: Resource, stack: str | None = None, target: Identity | None = None, **names: str
) -> dict[str, Any]:
    config = Migration.model_validate(demo_config("https://aws", surroundings={"names": names}))
    rewritten = rewrite_estate(config, Estate(resources), TABLES, side("us-east-1"), target or side("us-east-2"))
    return template_of(config, rewritten, stack)


def properties_of(template: dict[str, Any], kind: ResourceKind) -> list[dict[str, Any]]:
    return [said["Properties"] for said in template["Resources"].values() if said["Type"] == kind]
