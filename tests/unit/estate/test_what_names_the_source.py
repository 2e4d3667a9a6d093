"""What names the source is mapped wherever it stands, asked for, or said: nothing of it is left without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook_lib.config.model import Migration
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.iac.surroundings.of_config import rewrite_estate
from runbook_lib.sandbox import demo_config
from tests.support.around import ACCOUNT, FOREIGN, OLD, TABLES, USERS, alarm, properties_of, queue, side, written
from tests.support.resolve_template import resolved

NEW = TABLES[USERS]
URL = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/{OLD}role"


def rule(pattern: dict[str, Any] | None = None, *, target: dict[str, Any] | None = None) -> Resource:
    targets = {"Targets": [{"Id": "1", **target}]} if target else {}
    name, arn = OLD + "r", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{OLD}r"
    return Resource(
        ResourceKind.RULE, f"default/{name}", name, arn, {"EventPattern": pattern or {}} | targets, None, True
    )


def deployed(template: dict[str, Any], kind: ResourceKind) -> dict[str, Any]:
    """The properties of the only one of a kind, in the target."""
    values = {name: f"said-{name}" for name, said in template["Parameters"].items() if "Default" not in said}
    whole = resolved(template, "us-east-2", ACCOUNT, values)
    (found,) = (said["Properties"] for said in whole.values() if said["Type"] == kind)
    return dict(found)


def test_a_pattern_hears_the_new_region_and_account_and_its_own_words_are_no_properties() -> None:
    pattern = {
        "account": [ACCOUNT, FOREIGN], "region": ["us-east-1", {"prefix": "eu-"}],
        "detail": {"Description": [USERS], "Tags": {"table": [USERS]}, "KmsKeyId": ["plain"], "GroupName": [OLD + "x"]},
    }  # fmt: skip
    template = written(rule(pattern))
    assert set(template["Parameters"]) == {"Rules"}
    assert deployed(template, ResourceKind.RULE)["EventPattern"] == {
        "account": [ACCOUNT, FOREIGN], "region": ["us-east-2", {"prefix": "eu-"}],
        "detail": {"Description": [NEW], "Tags": {"table": [NEW]}, "KmsKeyId": ["plain"], "GroupName": [OLD + "x"]},
    }  # fmt: skip


def test_an_input_leads_to_the_new_place_however_deep_its_text_is() -> None:
    deep = json.dumps({"table": USERS, "note": json.dumps({"table": USERS})})
    held = {"QueueUrl": URL + OLD + "a", "MessageBody": deep, "region": "us-east-1", "account": ACCOUNT}
    template = written(rule(target={"Arn": ROLE, "Input": json.dumps(held)}), queue(OLD + "a"))
    (target,) = deployed(template, ResourceKind.RULE)["Targets"]
    assert json.loads(target["Input"]) == {
        "QueueUrl": f"https://sqs.us-east-2.amazonaws.com/{ACCOUNT}/bebco-borrower-a-dev",
        "MessageBody": deep.replace(USERS, NEW), "region": "us-east-2", "account": ACCOUNT,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "asked", "default"),
    [
        (URL + OLD + "b", "QueueBebcoBorrowerStagingB", f"https://sqs.us-east-2.amazonaws.com/{ACCOUNT}/bebco-borrower-b-dev"),
        (f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q", "QueueQ", f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q"),
        (ROLE, "ArnServiceBebcoBorrowerStagingRole", f"arn:aws:iam::{ACCOUNT}:role/service/bebco-borrower-role-dev"),
        (
            f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{OLD}fn:live", "ArnBebcoBorrowerStagingFnLive",
            f"arn:aws:lambda:us-east-2:{ACCOUNT}:function:bebco-borrower-fn-dev:live",
        ),
        (
            f"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/{OLD}api/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
            "ArnBebcoBorrowerStagingApi0a1b2c3d0a1b0a1b0a1b0a1b2c3d4e5f",
            f"arn:aws:events:us-east-2:{ACCOUNT}:api-destination/bebco-borrower-api-dev/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
        ),
        (f"arn:aws:s3:::{OLD}bucket", "ArnBebcoBorrowerStagingBucket", "arn:aws:s3:::bebco-borrower-bucket-dev"),
        ("subnet-0a1b2c3d", "Subnet0a1b2c3d", None),
        ("vpce-0123456789abcdef0", "Vpce0123456789abcdef0", None),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k", "KmsKeyK", None),
    ],
)  # fmt: skip
def test_what_points_outside_is_a_parameter(text: str, asked: str, default: str | None) -> None:
    template = written(rule(target={"Arn": text}))
    said = template["Parameters"][asked]
    assert said.get("Default") == default
    (made,) = properties_of(template, ResourceKind.RULE)
    assert made["Targets"][0]["Arn"] == {"Ref": asked}


@pytest.mark.parametrize(
    ("text", "there"),
    [
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/aws/sqs", f"arn:aws:kms:us-east-2:{ACCOUNT}:alias/aws/sqs"),
        ("arn:aws:automate:us-east-1:ec2:stop", "arn:aws:automate:us-east-2:ec2:stop"),
        ("arn:aws:states:::sqs:sendMessage", "arn:aws:states:::sqs:sendMessage"),
        ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"),
        ("arn:aws:iam::aws:policy/Read", "arn:aws:iam::aws:policy/Read"),
        (f"arn:aws:sns:us-east-1:{ACCOUNT}:{OLD}*", f"arn:aws:sns:us-east-2:{ACCOUNT}:bebco-borrower-*-dev"),
        (f"arn:aws:sns:us-east-1:{ACCOUNT}:*", f"arn:aws:sns:us-east-2:{ACCOUNT}:*"),
        (
            f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{OLD}*",
            f"arn:aws:dynamodb:us-east-2:{ACCOUNT}:table/bebco-borrower-*-dev",
        ),
        (
            f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/{OLD}fn:*",
            f"arn:aws:logs:us-east-2:{ACCOUNT}:log-group:/aws/lambda/bebco-borrower-fn-dev:*",
        ),
    ],
)  # fmt: skip
def test_what_everybody_has_and_patterns_need_no_answer(text: str, there: str) -> None:
    template = written(rule(target={"Arn": text}))
    assert set(template["Parameters"]) == {"Rules"}
    (target,) = deployed(template, ResourceKind.RULE)["Targets"]
    assert target["Arn"] == there


def test_the_migration_file_says_what_a_parameter_is() -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
    template = written(queue(OLD + "a", KmsMasterKeyId=arn), **{arn: "arn:of-the-target"})
    assert template["Parameters"]["KmsKeyK"]["Default"] == "arn:of-the-target"


def said_of(*resources: Resource) -> dict[str, str]:
    config = Migration.model_validate(demo_config("https://aws"))
    rewritten = rewrite_estate(config, Estate(resources), TABLES, side("us-east-1"), side("us-east-2"))
    return {each.what: each.why for each in rewritten.estate.unexpressed}


def test_what_a_text_still_names_of_the_source_is_said_where_it_stands() -> None:
    search = f"SEARCH('{{AWS/DynamoDB,TableName}} {USERS} ', 'Sum')"
    board = {"widgets": [{"properties": {"markdown": "[console](https://us-east-1.console.aws.amazon.com)"}}]}
    said = said_of(
        alarm(OLD + "a", Metrics=[{"Id": "m", "Expression": search}], AlarmDescription=USERS),
        Resource(ResourceKind.DASHBOARD, OLD + "d", OLD + "d", "", {"DashboardBody": board}),
        rule({"detail": {"zone": ["us-east-1a"], "table": [USERS, USERS + "-archive"]}}),
        queue(OLD + "q", policy={"Statement": [{"Resource": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{OLD}q"}]}),
    )
    assert set(said) == {
        f"alarm {OLD}a, Metrics[0].Expression", f"dashboard {OLD}d, DashboardBody",
        f"rule default/{OLD}r, EventPattern.detail.zone[0]",
    }  # fmt: skip
    assert USERS in said[f"alarm {OLD}a, Metrics[0].Expression"]
    assert "us-east-1" in said[f"dashboard {OLD}d, DashboardBody"]


def test_a_pattern_that_fitted_and_fits_no_more_is_said() -> None:
    fits = {"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{OLD}*"}}}
    assert said_of(queue(OLD + "q", policy=fits)) == {}
    ends = {"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:*staging-q"}}}
    (why,) = said_of(queue(OLD + "q", policy=ends)).values()
    assert "*staging-q" in why


def test_no_value_of_a_header_or_a_variable_is_in_a_template() -> None:
    held = {"containerOverrides": [{"name": "c", "environment": [{"name": "DB", "value": "MARKER"}]}], "table": USERS}
    called = {"HeaderParameters": {"X-Key": "MARKER", "X-Id": "$.id"}, "QueryStringParameters": {"key": "MARKER"}}
    overrides = {"ContainerOverrides": [{"Environment": [{"Name": "DB", "Value": "MARKER"}]}]}
    pipe = Resource(
        ResourceKind.PIPE, OLD + "p", OLD + "p", "",
        {
            "Source": f"arn:aws:sqs:us-east-1:{ACCOUNT}:x", "EnrichmentParameters": {"HttpParameters": called},
            "TargetParameters": {"EcsTaskParameters": {"Overrides": overrides}},
        },
        None, True,
    )  # fmt: skip
    template = written(rule(target={"Arn": ROLE, "Input": json.dumps(held), "HttpParameters": called}), pipe)
    assert "MARKER" not in json.dumps(template)
    hidden = {name for name, said in template["Parameters"].items() if said.get("NoEcho")}
    assert hidden == {"ValueDB", "ValueDB2", "ValueXKey", "ValueXKey2", "ValueKey", "ValueKey2"}
    assert not any("Default" in template["Parameters"][name] for name in hidden)
    (target,) = deployed(template, ResourceKind.RULE)["Targets"]
    assert json.loads(target["Input"])["table"] == NEW
    assert target["HttpParameters"]["HeaderParameters"]["X-Id"] == "$.id"


def test_what_cloudformation_would_resolve_is_left_out_and_said() -> None:
    secret = queue(OLD + "s", Tags=[{"Key": "a", "Value": "{{resolve:secretsmanager:prod/db}}"}])
    template = written(secret, queue(OLD + "a", OLD + "s"))
    assert [p["QueueName"] for p in properties_of(template, ResourceKind.QUEUE)] == ["bebco-borrower-a-dev"]
    assert "{{resolve" not in json.dumps(template)
    assert any(each.startswith(f"queue {OLD}s") for each in template["Metadata"]["NotCarriedOver"])
