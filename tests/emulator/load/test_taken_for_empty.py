"""A target that holds something is not taken for empty by an answer about another table."""

from __future__ import annotations

import pytest

from runbook_lib.aws.dynamodb.describe.tables import is_empty
from tests.support.in_process import runbook_here
from tests.support.liar import Request, between
from tests.support.world import World, things


@pytest.mark.whole
def test_what_is_there_is_not_written_over_though_counts_are_of_another_table(world: World) -> None:
    world.pair("a", things(6))
    world.table(world.target, world.dst("empty"))
    theirs = {"id": {"S": "i00003"}, "precious": {"S": "somebody else's"}}
    world.put(world.target, world.dst("a"), [theirs])

    def rewrite(request: Request) -> bytes:
        counts = request.operation == "Scan" and request.json.get("Select") == "COUNT"
        return request.body.replace(world.dst("a").encode(), world.dst("empty").encode()) if counts else request.body

    with between(world.endpoint) as liar:
        behind, world.endpoint = world.endpoint, liar.endpoint
        liar.rewrite = rewrite
        config = world.config()
        world.endpoint = behind
        ended = runbook_here("run", config, "--run-id", "r", "--execute", AWS_ENDPOINT_URL=liar.endpoint)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert world.items(world.target, world.dst("a")) == [theirs]
    assert f"about {world.dst('empty')}" in ended.stdout or world.dst("empty") in ended.stdout


@pytest.mark.parametrize("held", [0, 3])
def test_a_table_is_empty_if_nothing_is_in_it(world: World, held: int) -> None:
    world.pair("a", things(held))
    assert is_empty(world.source, world.src("a")) is (held == 0)
