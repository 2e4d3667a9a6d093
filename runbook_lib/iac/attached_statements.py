"""What the roles need for what is attached to tables: to compare it on both sides, and to have capacity scaled.

Source: "Actions, resources, and condition keys for Application Auto Scaling", Service Authorization Reference. What
else whoever registers a table needs: "Managing throughput capacity automatically with DynamoDB auto scaling",
Developer Guide.
"""

from __future__ import annotations

from runbook_lib.aws.guard.allowed_calls import TARGET_SCALES, TARGET_UNSCALES
from runbook_lib.aws.session.identity import Identity
from runbook_lib.iac.policy_statements import Json, allow

# Of a table; contributor insights are those of an index, too.
ATTACHED_READS = ("DescribeContributorInsights", "DescribeKinesisStreamingDestination", "GetResourcePolicy")
SCALING_READS = ("DescribeScalableTargets", "DescribeScalingPolicies")  # they know no resources
SERVICE = "dynamodb.application-autoscaling.amazonaws.com"
ROLE = f"role/aws-service-role/{SERVICE}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
ALARMS = ("DeleteAlarms", "DescribeAlarms", "PutMetricAlarm")
OF_DYNAMODB = {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}}


def reading_scaling() -> Json:
    return allow("ReadAutoScaling", [f"application-autoscaling:{o}" for o in SCALING_READS], ["*"])


def scaling_statements(who: Identity, *, creates: bool) -> list[Json]:
    """What has the tables that a run creates scaled; without it the report says that auto scaling was left out."""
    return [
        allow("ScaleTables", list(TARGET_SCALES), _targets(who) if creates else [], OF_DYNAMODB),
        allow("ScaleAlarms", [f"cloudwatch:{o}" for o in ALARMS], _alarms(who) if creates else []),
        allow(
            "ScaleRole",
            ["iam:CreateServiceLinkedRole"],
            [f"arn:{who.partition}:iam::{who.account}:{ROLE}"] if creates else [],
            {"StringEquals": {"iam:AWSServiceName": SERVICE}},
        ),
    ]


def ending_scaling(who: Identity, *, created: bool) -> Json:
    """What a cleanup ends with the tables that the run created."""
    return allow("EndAutoScaling", list(TARGET_UNSCALES), _targets(who) if created else [], OF_DYNAMODB)


def _targets(who: Identity) -> list[str]:
    return [f"arn:{who.partition}:application-autoscaling:{who.region}:{who.account}:scalable-target/*"]


def _alarms(who: Identity) -> list[str]:
    return [f"arn:{who.partition}:cloudwatch:{who.region}:{who.account}:alarm:TargetTracking-table/*"]
