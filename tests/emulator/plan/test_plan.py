from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, GateFailed
from runbook_lib.notebook.gates import gate_plan, gate_writes
from runbook_lib.plan.check import Obstacle, together
from runbook_lib.plan.naming import select_tables
from runbook_lib.preflight.step import make_plan, preflight, refuse_misconfigured
from tests.support.world import World, things


def selected(tmp_path: Path, existing: list[str], only: str = "*", **tables: object) -> dict[str, str]:
    settings = {
        "name": "x",
        "source": {"region": "us-east-1"},
        "target": {"region": "us-east-2"},
        "staging": {"bucket": "some-bucket", "region": "us-east-2"},
        "tables": tables,
    }
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(settings))
    return select_tables(load_config(file), existing, only)


def test_tables_are_included_excluded_renamed_and_overridden(tmp_path: Path) -> None:
    assert selected(
        tmp_path,
        ["p-a", "p-b", "p-c", "q-d"],
        include=["p-*"],
        exclude=["*-b"],
        rename={"pattern": "p-(?P<n>.+)", "to": "dev-{n}"},
        overrides={"p-c": "special"},
    ) == {"p-a": "dev-a", "p-c": "special"}


def test_several_globs_choose_what_any_of_them_means(tmp_path: Path) -> None:
    assert list(selected(tmp_path, ["a1", "a2", "b", "c"], "a?, c", include=["*"])) == ["a1", "a2", "c"]


def test_without_a_rename_the_name_stays(tmp_path: Path) -> None:
    assert selected(tmp_path, ["a"], include=["a"]) == {"a": "a"}


@pytest.mark.parametrize(
    ("tables", "only", "words"),
    [
        ({"include": ["x-*"]}, "*", "no table of the source matches 'x-*'"),
        ({"include": ["a", "b"]}, "*", "no table of the source matches 'b'"),
        ({"include": ["a"], "exclude": ["a"]}, "*", "no table matched"),
        ({"include": ["a"]}, "z*", "0 after --tables 'z*'"),
        ({"include": ["a"]}, "a, z*", "--tables: no selected source table matches 'z*'"),
        ({"include": ["a"], "overrides": {"b": "c"}}, "*", "'b' is not a selected source table"),
        ({"include": ["a"], "rename": {"pattern": "x(.+)", "to": "y"}}, "*", "the pattern does not match 'a'"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(tmp_path: Path, tables: dict, only: str, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError) as caught:
        selected(tmp_path, ["a"], only, **tables)
    assert words in str(caught.value)


def test_the_plan_shows_both_sides_and_how_each_table_is_read(world: World) -> None:
    world.pair("a", things(3))
    world.pair("b", pitr=False)
    plan = preflight(world.open())
    assert [(p.source, p.target, p.method) for p in plan.pairs] == [
        (world.src("b"), world.dst("b"), "scan"),
        (world.src("a"), world.dst("a"), "export"),
    ]
    assert plan.blockers == ()


def test_every_blocker_is_in_the_list_and_nothing_stops_at_the_first(world: World) -> None:
    world.pair("full")
    world.put(world.target, world.dst("full"), things(1))
    world.table(world.source, world.src("lonely"))
    world.table(world.source, world.src("keys"))
    other = [{"AttributeName": "id", "AttributeType": "N"}]
    world.table(world.target, world.dst("keys"), AttributeDefinitions=other)
    run = world.open(export={"without_pitr": "fail"}, staging={"bucket": "no-such-bucket-here"})
    plan = preflight(run)
    found = "\n".join(map(str, plan.blockers))
    assert "items in it" in found
    assert "no such table" in found
    assert "expected the key id (S)" in found
    assert "found id (N)" in found
    assert "no such bucket" in found
    assert found.count("point-in-time recovery") == 2
    with pytest.raises(GateFailed, match="no such bucket"):
        gate_plan(run, plan)
    with pytest.raises(GateFailed, match="pre-flight found blockers"):
        gate_writes(run)


def test_what_stands_in_the_way_of_many_tables_is_said_once_with_all_their_names() -> None:
    many = [Obstacle(f"t{n}", "an empty target", "items in it", "empty it") for n in range(40)]
    alone = Obstacle("other", "a key", "another", "create it")
    names = ", ".join(o.table for o in many)
    assert together([*many[:20], alone, *many[20:]]) == [
        f"40 tables ({names}): expected an empty target; found items in it; empty it",
        "other: expected a key; found another; create it",
    ]


def test_a_mistake_of_many_tables_is_refused_in_one_line(world: World) -> None:
    for name in ("a", "b", "c"):
        world.table(world.source, world.src(name))
    run = world.open()
    with pytest.raises(
        ConfigError, match=r"3 tables \(.*\): expected the target table .* keys of its source"
    ) as refused:
        refuse_misconfigured(make_plan(run.config, run.clients))
    assert len(str(refused.value).splitlines()) == 1


def test_two_sources_of_one_target_are_refused(world: World) -> None:
    world.pair("a")
    world.pair("b")
    run = world.open(tables={"overrides": {world.src("b"): world.dst("a")}})
    with pytest.raises(ConfigError, match="one source for each target"):
        refuse_misconfigured(make_plan(run.config, run.clients))


def test_a_source_that_is_its_own_target_is_refused(world: World) -> None:
    world.table(world.source, world.src("a"))
    run = world.open(target={"region": "us-east-1"}, tables={"rename": None})
    with pytest.raises(ConfigError, match="a target other than the source; found the same table"):
        refuse_misconfigured(make_plan(run.config, run.clients))


def test_a_bucket_in_another_region_than_the_configuration_says_is_refused(world: World) -> None:
    world.pair("a")
    run = world.open(staging={"region": "us-west-2"})
    with pytest.raises(ConfigError, match="the bucket is in us-east-2"):
        refuse_misconfigured(make_plan(run.config, run.clients))


def test_a_stream_on_the_target_is_a_warning(world: World) -> None:
    world.pair("a", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    plan = preflight(world.open())
    assert plan.blockers == ()
    assert "a NEW_IMAGE stream" in str(plan.warnings[0])


def test_a_plan_does_not_change_when_a_run_is_taken_up_again(world: World) -> None:
    world.pair("a")
    run = world.open()
    preflight(run)
    world.pair("later")
    assert [p.source for p in preflight(world.open()).pairs] == [world.src("a")]


OPTIONAL = {"pattern": "(?P<pre>prod-)?(?P<n>.+)", "to": "{pre}{n}-dev"}


def test_a_group_that_takes_no_part_in_a_name_is_a_mistake_of_that_table(tmp_path: Path) -> None:
    """`{pre}` would be "None" in a target's name."""
    with pytest.raises(ConfigError) as refused:
        selected(tmp_path, ["prod-a", "b", "c"], include=["*"], rename=OPTIONAL)
    told = str(refused.value).splitlines()
    assert [line for line in told if "'b'" in line] == [line for line in told if "'c'" not in line]
    assert all("tables.rename: the group 'pre' of the pattern takes no part in" in line for line in told)
    assert len(told) == 2


def test_a_group_that_may_be_empty_or_is_not_used_or_overridden_is_none(tmp_path: Path) -> None:
    empty = {"pattern": "(?P<pre>(?:prod-)?)(?P<n>.+)", "to": "{pre}{n}-dev"}
    assert selected(tmp_path, ["prod-a", "b"], include=["*"], rename=empty) == {"prod-a": "prod-a-dev", "b": "b-dev"}
    unused = OPTIONAL | {"to": "{n}-dev"}
    assert selected(tmp_path, ["prod-a", "b"], include=["*"], rename=unused) == {"prod-a": "a-dev", "b": "b-dev"}
    assert selected(tmp_path, ["b"], include=["*"], rename=OPTIONAL, overrides={"b": "mine"}) == {"b": "mine"}
