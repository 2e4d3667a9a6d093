"""Every member that AWS tells of what stands around tables is carried, or left out for a reason."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from runbook_lib.estate import members

MODELS = botocore.session.Session()


def members_of(service: str, operation: str, path: str) -> set[str]:
    shape: Any = MODELS.get_service_model(service).operation_model(operation).output_shape
    for part in filter(None, path.split(".")):
        shape = shape.members[part]
        while shape.type_name == "list":
            shape = shape.member
    return set(shape.members)


@pytest.mark.parametrize("where", members.CARRIED, ids=".".join)
def test_each_member_of_the_model_is_decided(where: tuple[str, str, str]) -> None:
    carried, left = members.CARRIED[where]
    assert not carried & left.keys()
    assert all(left.values())
    assert members_of(*where) - carried - left.keys() == set(), "carry it, or say in estate/members.py why not"


def test_each_attribute_of_a_queue_is_decided() -> None:
    names = set(MODELS.get_service_model("sqs").shape_for("QueueAttributeName").enum)
    assert names == members.QUEUE | members.QUEUE_LEFT.keys()


def test_a_member_that_aws_adds_is_noticed() -> None:
    carried, left = members.CARRIED["scheduler", "GetSchedule", ""]
    assert members_of("scheduler", "GetSchedule", "") - (carried - {"Target"}) - left.keys() == {"Target"}
