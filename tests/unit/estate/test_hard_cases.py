"""What is hard about surroundings: circles, limits, keys, other accounts, names that would be taken over."""

from __future__ import annotations

import json

import pytest

from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.estate.resource import MONITORING, Estate, Resource, ResourceKind
from runbook_lib.iac.surroundings.app import surroundings_app
from runbook_lib.iac.surroundings.of_config import as_yaml, rewrite_estate, template_of
from runbook_lib.sandbox import demo_config
from tests.support.around import ACCOUNT, FOREIGN, LOANS, OLD, TABLES, USERS, alarm, properties_of, queue, side, written

STREAM = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{USERS}/stream/2026-01-01T00:00:00.000"


@pytest.mark.parametrize("circle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_circle_of_dead_letter_queues_is_opened_once_and_named(circle: list[str]) -> None:
    onward = [*circle[1:], circle[0]]
    template = written(
        *(queue(OLD + name, OLD + dead) for name, dead in zip(circle, onward, strict=True)), queue(OLD + "z", OLD + "a")
    )
    without = [p["QueueName"] for p in properties_of(template, ResourceKind.QUEUE) if "RedrivePolicy" not in p]
    assert without == [f"bebco-borrower-{circle[-1]}-dev"]
    (said,) = template["Metadata"]["NotCarriedOver"]
    assert said.startswith(f"{OLD}{circle[-1]}, RedrivePolicy")
    waits = {
        i: r["Fn::GetAtt"][0]
        for i, s in template["Resources"].items()
        if (r := s["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn"))
    }
    for start in waits:
        at, steps = start, 0
        while at in waits:
            at, steps = waits[at], steps + 1
            assert steps < 10


def test_what_may_hand_over_is_spelled_so_that_nothing_waits_for_itself() -> None:
    allows = {"redrivePermission": "byQueue", "sourceQueueArns": [f"arn:aws:sqs:us-east-1:{ACCOUNT}:{OLD}a"]}
    template = written(queue(OLD + "a", OLD + "dead"), queue(OLD + "dead", RedriveAllowPolicy=allows))
    dead = next(p for p in properties_of(template, ResourceKind.QUEUE) if "RedriveAllowPolicy" in p)
    assert "Fn::GetAtt" not in json.dumps(dead)
    assert "bebco-borrower-a-dev" in json.dumps(dead["RedriveAllowPolicy"])


def test_500_alarms_fit_and_501_are_refused() -> None:
    alarms = [alarm(f"{OLD}{n:03}") for n in range(501)]
    assert len(written(*alarms[:500], stack=MONITORING)["Resources"]) == 500
    with pytest.raises(ConfigError, match="holds 500 resources, found 501"):
        written(*alarms)


def test_another_account_stays_what_it_is_and_can_be_changed() -> None:
    policy = {
        "Statement": [
            {"Principal": {"AWS": [FOREIGN, ACCOUNT, f"arn:aws:iam::{FOREIGN}:role/partner"]}, "Action": "sqs:*"},
            {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:RequestedRegion": "us-east-1"}}},
        ]
    }
    template = written(queue(OLD + "a", policy=policy))
    document = next(s for s in template["Resources"].values() if s["Type"] == "AWS::SQS::QueuePolicy")["Properties"][
        "PolicyDocument"
    ]
    foreign, own, role = document["Statement"][0]["Principal"]["AWS"]
    assert own == {"Ref": "AWS::AccountId"}
    assert template["Parameters"][foreign["Ref"]]["Default"] == FOREIGN
    assert template["Parameters"][role["Ref"]]["Default"] == f"arn:aws:iam::{FOREIGN}:role/partner"
    assert document["Statement"][1]["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:RequestedRegion": {"Ref": "AWS::Region"},
    }  # fmt: skip


def test_a_key_of_the_source_has_to_be_named_and_one_of_aws_stays() -> None:
    own = written(queue(OLD + "a", KmsMasterKeyId="alias/shop"), queue(OLD + "b", KmsMasterKeyId="alias/shop"))
    (parameter,) = own["Parameters"].values()
    assert "Default" not in parameter
    assert [p["KmsMasterKeyId"] for p in properties_of(own, ResourceKind.QUEUE)] == [{"Ref": "KmsKeyShop"}] * 2
    of_aws = written(queue(OLD + "a", KmsMasterKeyId="alias/aws/sqs"))
    assert properties_of(of_aws, ResourceKind.QUEUE)[0]["KmsMasterKeyId"] == "alias/aws/sqs"


def test_names_at_their_longest_pass_and_longer_ones_are_refused_by_name() -> None:
    fits = "x" * 80
    assert written(queue(OLD + "a"), **{OLD + "a": fits})["Resources"]
    with pytest.raises(ConfigError, match=rf"queue {OLD}a would be called 'x+' \(81 characters\)"):
        written(queue(OLD + "a"), **{OLD + "a": fits + "x"})
    with pytest.raises(ConfigError, match="would both be the queue 'same'"):
        written(queue(OLD + "a"), queue(OLD + "b"), **{OLD + "a": "same", OLD + "b": "same"})


def test_the_end_of_a_fifo_name_stays_its_end() -> None:
    (made,) = properties_of(written(queue(f"{OLD}a.fifo", FifoQueue=True)), ResourceKind.QUEUE)
    assert made["QueueName"] == "bebco-borrower-a-dev.fifo"


def dashboard(name: str, *tables: str) -> Resource:
    metrics = [["AWS/DynamoDB", "UserErrors", "TableName", table] for table in tables]
    body = {"widgets": [{"properties": {"region": "us-east-1", "metrics": metrics, "title": tables[0]}}]}
    return Resource(ResourceKind.DASHBOARD, name, name, "", {"DashboardBody": body})


def test_a_dashboard_of_two_tables_names_both_new_ones_and_the_new_region() -> None:
    (made,) = properties_of(written(dashboard(OLD + "board", USERS, LOANS)), ResourceKind.DASHBOARD)
    text = json.dumps(made["DashboardBody"])
    assert {"Ref": "AWS::Region"} in made["DashboardBody"]["Fn::Join"][1]
    assert all(new in text for new in TABLES.values())
    assert not any(old in text for old in TABLES)


def test_a_dashboard_that_keeps_its_name_would_overwrite_the_old_one() -> None:
    with pytest.raises(ConfigError, match="dashboards are of the whole account"):
        written(dashboard("board", USERS))
    assert written(dashboard("board", USERS), target=side("us-east-2", FOREIGN))["Resources"]


@pytest.mark.parametrize("kind", [ResourceKind.QUEUE, ResourceKind.TOPIC])
def test_what_would_be_taken_over_by_its_name_is_refused(kind: ResourceKind) -> None:
    arn = f"arn:aws:{'sqs' if kind is ResourceKind.QUEUE else 'sns'}:us-east-1:{ACCOUNT}:kept"
    kept = Resource(kind, "kept", "kept", arn)
    with pytest.raises(ConfigError, match="would take over the source's own"):
        written(kept, target=side("us-east-1"))
    assert written(kept)["Resources"]


def test_readers_of_streams_ask_where_to_begin_and_which_stream() -> None:
    mapping = Resource(
        ResourceKind.MAPPING, f"{USERS} to fn", "", "uuid",
        {"EventSourceArn": STREAM, "FunctionName": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:fn", "BatchSize": 10},
        None, True,
    )  # fmt: skip
    parameters = {"DynamoDBStreamParameters": {"BatchSize": 5}}
    pipe = Resource(
        ResourceKind.PIPE, OLD + "p", OLD + "p", f"arn:aws:pipes:us-east-1:{ACCOUNT}:pipe/{OLD}p",
        {
            "Source": STREAM, "SourceParameters": parameters, "Target": f"arn:aws:sqs:us-east-1:{ACCOUNT}:other",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/p",
        },
        None, True,
    )  # fmt: skip
    template = written(mapping, pipe)
    asked = {name for name, said in template["Parameters"].items() if "Default" not in said}
    assert asked == {"StartingPosition", "StreamBebcoBorrowerUsersDev"}
    (made,) = properties_of(template, ResourceKind.MAPPING)
    assert made["StartingPosition"] == {"Ref": "StartingPosition"}
    assert made["Enabled"] == {"Fn::If": ["MappingsAwake", True, False]}
    (made,) = properties_of(template, ResourceKind.PIPE)
    assert made["SourceParameters"]["DynamoDBStreamParameters"]["StartingPosition"] == {"Ref": "StartingPosition"}
    given = properties_of(written(mapping, **{STREAM: "arn:of-the-new-stream"}), ResourceKind.MAPPING)
    assert given[0]["StartingPosition"] == {"Ref": "StartingPosition"}
    assert template["Parameters"]["ArnFn"]["Default"] == f"arn:aws:lambda:us-east-2:{ACCOUNT}:function:fn"


def test_a_composite_alarm_names_its_children_anew_and_waits_for_them() -> None:
    rule = f'ALARM("{OLD}a") AND NOT OK({OLD}b)'
    held = {"AlarmRule": rule, "ActionsSuppressor": OLD + "c"}
    composite = Resource(ResourceKind.COMPOSITE_ALARM, OLD + "any", OLD + "any", "", held, None, True)
    template = written(alarm(OLD + "a"), alarm(OLD + "b"), alarm(OLD + "c"), composite)
    (said,) = (s for s in template["Resources"].values() if s["Type"] == ResourceKind.COMPOSITE_ALARM)
    assert said["Properties"]["AlarmRule"] == 'ALARM("bebco-borrower-a-dev") AND NOT OK(bebco-borrower-b-dev)'
    names = {template["Resources"][other]["Properties"]["AlarmName"] for other in said["DependsOn"]}
    assert names == {f"bebco-borrower-{name}-dev" for name in "abc"}
    assert said["Properties"]["ActionsSuppressor"] == "bebco-borrower-c-dev"


def test_what_is_off_in_the_source_cannot_be_woken() -> None:
    off = Resource(
        ResourceKind.RULE, f"default/{OLD}r", OLD + "r", "", {"ScheduleExpression": "rate(1 day)"}, None, False
    )
    template = written(off)
    assert properties_of(template, ResourceKind.RULE)[0]["State"] == "DISABLED"
    assert template["Parameters"] == {}


def test_a_refused_call_stands_in_the_template() -> None:
    config = Migration.model_validate(demo_config("https://aws"))
    estate = Estate((queue(OLD + "a"),), (), ("source: events:ListRules of default: AccessDeniedException",))
    rewritten = rewrite_estate(config, estate, TABLES, side("us-east-1"), side("us-east-2"))
    (said,) = template_of(config, rewritten, None)["Metadata"]["NotChecked"]
    assert "events:ListRules" in said


def test_a_null_that_cdk_would_drop_is_refused_there() -> None:
    rule = Resource(
        ResourceKind.RULE, f"default/{OLD}r", OLD + "r", "", {"EventPattern": {"detail": {"a": [None]}}}, None, True
    )
    template = written(rule)
    with pytest.raises(ConfigError, match="CDK drops every null"):
        surroundings_app(template, "n", "us-east-2")


def test_nothing_that_is_meant_is_an_error_and_no_empty_template() -> None:
    with pytest.raises(ConfigError, match="nothing of the source is meant"):
        written()


def test_a_template_that_cloudformation_would_not_take_is_refused_and_how_a_large_one_is_deployed_is_said() -> None:
    template = written(alarm(OLD + "a", AlarmDescription="x" * 900_000))
    assert "s3-bucket" in template["Metadata"]["Size"]
    assert as_yaml(template)
    with pytest.raises(ConfigError, match="at most 1,000,000 bytes"):
        as_yaml(written(alarm(OLD + "a", AlarmDescription="é" * 500_000)))
