"""One rule gives a resource its name in the target: its template, its comparison and its limits all follow it."""

from __future__ import annotations

import pytest

from runbook_lib.config.model import Migration
from runbook_lib.estate.compare import expected_estate
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.iac.surroundings.of_config import rewrite_estate, template_of
from runbook_lib.iac.surroundings.template import NAME_OF
from runbook_lib.sandbox import demo_config
from tests.support.around import OLD, TABLES, alarm, queue, side, written

GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:"
LAMBDA = f"/aws/lambda/{OLD}fn"


def schedule(key: str) -> Resource:
    return Resource(ResourceKind.SCHEDULE, key, key.partition("/")[2], "", {}, None, True)


@pytest.mark.parametrize(
    ("resource", "names", "key"),
    [
        (alarm(f"team/{OLD}x"), {}, f"team/{OLD}x"),
        (alarm(f"{OLD}x/{OLD}y"), {}, f"bebco-borrower-x/{OLD}y-dev"),
        (alarm("team/x"), {"team/x": "team/y"}, "team/y"),
        (Resource(ResourceKind.LOG_GROUP, LAMBDA, LAMBDA, GROUP + LAMBDA, {}), {}, "/aws/lambda/bebco-borrower-fn-dev"),
        (schedule(f"default/{OLD}n"), {}, "default/bebco-borrower-n-dev"),
        (schedule(f"{OLD}g/{OLD}n"), {}, "bebco-borrower-g-dev/bebco-borrower-n-dev"),
        (schedule("default/nightly"), {"default/nightly": "default/nightly2"}, "default/nightly2"),
        (schedule("default/nightly"), {"default/nightly": "nightly2"}, "default/nightly2"),
        (schedule("default/nightly"), {"nightly": "nightly2", "default": "never"}, "default/nightly2"),
    ],
)
def test_what_the_template_calls_it_is_what_the_comparison_looks_for(
    resource: Resource, names: dict[str, str], key: str
) -> None:
    config = Migration.model_validate(demo_config("https://aws", surroundings={"names": names}))
    here, there = side("us-east-1"), side("us-east-2")
    rewritten = rewrite_estate(config, Estate((resource,)), TABLES, here, there)
    (expected,) = expected_estate(rewritten.resources, there).resources
    (made,) = template_of(config, rewritten, None)["Resources"].values()
    assert expected.key == key
    assert made["Properties"][NAME_OF[resource.kind]] == expected.name
    holder, _, name = key.rpartition("/")
    assert expected.name == (name if resource.kind is ResourceKind.SCHEDULE else key)
    assert made["Properties"].get("GroupName", holder) == holder or resource.kind is not ResourceKind.SCHEDULE


def test_no_resource_takes_the_place_of_another_in_a_template() -> None:
    policy = {"Statement": [{"Action": "sqs:SendMessage"}]}
    template = written(queue(OLD + "a", policy=policy), queue(OLD + "a-policy", policy=policy))
    kinds = sorted(said["Type"] for said in template["Resources"].values())
    assert kinds == ["AWS::SQS::Queue"] * 2 + ["AWS::SQS::QueuePolicy"] * 2
    attached = [s["Properties"]["Queues"][0]["Ref"] for s in template["Resources"].values() if "Policy" in s["Type"]]
    assert sorted(attached) == sorted(i for i, s in template["Resources"].items() if s["Type"] == "AWS::SQS::Queue")


def test_a_child_is_renamed_once_and_the_words_around_it_stay() -> None:
    rule = 'ALARM("A") OR OK(b) AND NOT INSUFFICIENT_DATA(A)'
    composite = Resource(ResourceKind.COMPOSITE_ALARM, "any", "any", "", {"AlarmRule": rule}, None, True)
    template = written(alarm("A"), alarm("b"), composite, A="b", b="c", any="all")
    (made,) = (s["Properties"] for s in template["Resources"].values() if s["Type"] == ResourceKind.COMPOSITE_ALARM)
    assert made["AlarmRule"] == 'ALARM("b") OR OK(c) AND NOT INSUFFICIENT_DATA(b)'


def test_a_group_of_the_rename_that_takes_no_part_is_empty_in_a_resources_name() -> None:
    said = demo_config("https://aws")
    said["tables"]["rename"] = {"pattern": "(?P<pre>prod-)?(?P<n>.+)", "to": "{pre}{n}-dev"}
    names = NameMap(Migration.model_validate(said), {})
    assert (names.new("prod-a"), names.new("b"), names.new("b.fifo")) == ("prod-a-dev", "b-dev", "b-dev.fifo")
