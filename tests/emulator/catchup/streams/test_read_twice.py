"""A stream is read twice: records that one answer leaves out are missed by the other reading."""

from __future__ import annotations

import json

import pytest

from runbook_lib.errors import ExportError
from tests.support.liar import Answer, Request, between
from tests.support.moving import item
from tests.support.streamed import streamed
from tests.support.world import World


@pytest.mark.few(1)
@pytest.mark.parametrize("reading", [1, 2])
@pytest.mark.whole
def test_a_record_that_one_answer_leaves_out_is_not_lost(world: World, reading: int) -> None:
    """An item that nothing else tells of: its insert has no old image that the one before could be held to."""
    with between(world.endpoint) as liar:
        behind, world.endpoint = world.endpoint, liar.endpoint
        moving = streamed(world)
        world.endpoint = behind
        moving.write(item("before", 1))
        moving.write(item("only here", 1))
        moving.write(item("after", 1))
        moving.minutes(10)

        def after(request: Request, status: int, body: bytes) -> Answer | None:
            if request.operation != "GetRecords" or status != 200 or ("Limit" in request.json) != (reading == 2):
                return None
            said = json.loads(body)
            kept = [r for r in said["Records"] if r["dynamodb"]["Keys"] != {"id": {"S": "only here"}}]
            return status, json.dumps(said | {"Records": kept}).encode()

        liar.after = after
        with pytest.raises(ExportError, match="gives other records than the first one"):
            moving.catch_up(sleep=lambda seconds: None)
        assert {row["id"]["S"] for row in world.items(world.target, world.dst("a"))} >= {"i00000"}
        liar.after = lambda request, status, body: None
        moving.catch_up(sleep=lambda seconds: None)
    assert moving.target() == moving.source()
