"""A property: whatever stands in a document, its template for the place that it is from says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.config.model import Migration
from runbook_lib.estate.compare import Likeness, compare_estates, expected_estate
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.estate.rewrite import Rewriting
from runbook_lib.iac.cloudformation import cloudformation
from runbook_lib.iac.surroundings.of_config import rewrite_estate
from runbook_lib.iac.surroundings.template import around_template
from runbook_lib.sandbox import demo_config
from tests.support.around import ACCOUNT, FOREIGN, OLD, TABLES, USERS, side
from tests.support.resolve_template import resolved

HERE = side("us-east-1")
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{OLD}q"
PIECES = st.sampled_from([
    USERS, OLD + "q", "us-east-1", "eu-west-1", ACCOUNT, FOREIGN, QUEUE, QUEUE.replace(ACCOUNT, FOREIGN),
    OLD + "*",
    f"arn:aws:sns:us-east-1:{ACCOUNT}:{OLD}*", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:live",
    "arn:aws:s3:::b/k",
    f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{OLD}q", "https://sqs.eu-west-1.amazonaws.com/111111111111/x",
    "arn:aws:automate:us-east-1:ec2:stop", "arn:aws:iam::aws:policy/P", "${aws:username}", "${x}", "<id>", "$.a", "*",
    '"', "'", "\\", "\\\"", "{", "}", "[", "\u0085\u2028", "é😀", "\t\n", "yes", "012", "1e3", "null", "~", "=",
    "", " ",
])  # fmt: skip
TEXT = st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.text(
    st.characters(exclude_categories=("Cs", "Cc")), max_size=8
)
SCALAR = TEXT | st.integers(-(10**6), 10**15) | st.booleans() | st.floats(-1e6, 1e6, allow_nan=False)
DOCUMENT = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
MAPPED = st.dictionaries(TEXT, DOCUMENT, max_size=4)


def again(*resources: Resource) -> list[Any]:
    """The resources' properties as their template says them, deployed where they are from."""
    config = Migration.model_validate(demo_config("https://aws", tables={"rename": None}))
    same = {table: table for table in TABLES}
    rewritten = Rewriting(Estate(resources), NameMap(config, same), same, HERE, HERE).whole()
    template = around_template("d", rewritten, [], [])
    read = yaml.safe_load(cloudformation(template))
    assert read == template
    return [said["Properties"] for said in resolved(read, HERE.region, HERE.account, {}).values()]


def as_document(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) and text[:1] == "{" else text


@given(MAPPED, MAPPED, TEXT)
def test_patterns_inputs_and_templates(pattern: dict[str, Any], held: dict[str, Any], template: str) -> None:
    transformer = {"InputPathsMap": {"id": "$.id"}, "InputTemplate": template}
    targets = [
        {"Id": "1", "Arn": QUEUE, "Input": json.dumps(held)},
        {"Id": "2", "Arn": QUEUE, "InputTransformer": transformer},
    ]
    rule = Resource(ResourceKind.RULE, "default/r", "r", "", {"EventPattern": pattern, "Targets": targets}, None, True)
    (made,) = again(rule)
    assert made["EventPattern"] == pattern
    assert made["Targets"] == targets


@given(MAPPED, MAPPED)
def test_policies_and_filters(policy: dict[str, Any], filters: dict[str, Any]) -> None:
    queue = Resource(ResourceKind.QUEUE, OLD + "q", OLD + "q", QUEUE, {}, policy)
    held = {
        "Protocol": "sqs",
        "Endpoint": QUEUE,
        "TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t",
        "FilterPolicy": filters,
    }
    made = again(queue, Resource(ResourceKind.SUBSCRIPTION, "t to sqs q", "", "", held))
    assert sorted(made, key=len) == sorted([{"QueueName": OLD + "q", "Policy": policy}, held], key=len)


@given(MAPPED)
def test_dashboards(body: dict[str, Any]) -> None:
    (made,) = again(Resource(ResourceKind.DASHBOARD, "d", "d", "", {"DashboardBody": {"widgets": [body]}}))
    assert as_document(made["DashboardBody"]) == {"widgets": [body]}


def changed(value: Any, way: list[int]) -> Any:
    """The same with one thing in it changed; the numbers lead to it."""
    if isinstance(value, dict) and value:
        name = sorted(value)[way[0] % len(value)]
        return value | {name: changed(value[name], way[1:] or [0])}
    if isinstance(value, list) and value:
        at = way[0] % len(value)
        return [*value[:at], changed(value[at], way[1:] or [0]), *value[at + 1 :]]
    return f"{value}x" if isinstance(value, str) else "x"


@given(MAPPED, MAPPED, st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_what_is_as_expected_is_equal_and_one_change_anywhere_is_not(
    pattern: dict[str, Any], policy: dict[str, Any], way: list[int]
) -> None:
    rule = Resource(ResourceKind.RULE, f"default/{OLD}r", OLD + "r", "", {"EventPattern": pattern}, None, True)
    source = Estate((rule, Resource(ResourceKind.QUEUE, OLD + "q", OLD + "q", QUEUE, {}, policy)))
    config, there = Migration.model_validate(demo_config("https://aws")), side("us-east-2")
    expected = expected_estate(rewrite_estate(config, source, TABLES, HERE, there).resources, there)
    one, two = expected.resources
    assert {row.likeness for row in compare_estates(source, expected, Estate((two, one)))} == {Likeness.EQUAL}
    other = replace(one, properties=changed(one.properties, [0, *way]))
    rows = compare_estates(source, expected, Estate((other, two)))
    assert [row.likeness for row in rows] == [Likeness.DIFFERENT, Likeness.EQUAL]
    let_in = replace(two, policy=changed(policy_of(two), way))
    rows = compare_estates(source, expected, Estate((one, let_in)))
    assert [row.likeness for row in rows] == [Likeness.EQUAL, Likeness.DIFFERENT]


def policy_of(resource: Resource) -> dict[str, Any]:
    return dict(resource.policy or {})
