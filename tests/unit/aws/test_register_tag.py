"""That a table names no register is believed of two readings: a page that lost its token looks like the last."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.s3.registers import register_tag

PLACE = "s3://bbb/exports/register"
OTHERS = [{"Key": f"k{n}", "Value": "v"} for n in range(10)]
OWN = [{"Key": REGISTER_TAG, "Value": PLACE}]


class Tags:
    """Two pages of tags; the readings in `cut` lose the token of the first."""

    def __init__(self, second: list[dict[str, str]], cut: set[int]) -> None:
        self.second, self.cut, self.readings = second, cut, 0

    def list_tags_of_resource(self, ResourceArn: str, NextToken: str = "") -> dict[str, Any]:
        if NextToken:
            return {"Tags": self.second}
        self.readings += 1
        return {"Tags": OTHERS} | ({} if self.readings - 1 in self.cut else {"NextToken": "2"})


@pytest.mark.parametrize(
    ("second", "cut", "found"), [(OWN, {0}, PLACE), (OWN, {1}, PLACE), (OWN, set(), PLACE), (OTHERS, {0}, None)]
)
def test_a_page_that_lost_its_token_does_not_hide_the_register(
    second: list[dict[str, str]], cut: set[int], found: str | None
) -> None:
    assert register_tag(Tags(second, cut), "arn:t") == found
