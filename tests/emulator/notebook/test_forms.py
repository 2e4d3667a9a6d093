"""The forms do what the parameters do, and show no more than the run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.notebook.forms import confirmation_form, differences_form, outcome_form, tables_form
from runbook_lib.notebook.tables import Column, ShownTable, outcome
from runbook_lib.notebook.views import difference_table
from runbook_lib.plan.naming import choose_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import ACCOUNT, World, things


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


def parts(form: Any, kind: type[ipywidgets.Widget]) -> list[Any]:
    """The widgets of a kind in a form, in their order."""
    inner = [found for child in getattr(form, "children", ()) for found in parts(child, kind)]
    return ([form] if isinstance(form, kind) else []) + inner


def test_tables_picked_in_the_list_are_those_of_the_plan_and_of_the_same_parameter(world: World) -> None:
    for name in ("a", "b", "c"):
        world.pair(name, things(1))
    run = world.open("picked")
    form = tables_form(run)
    [typed], [listed] = parts(form, ipywidgets.Text), parts(form, ipywidgets.SelectMultiple)
    assert (typed.value, listed.value) == ("*", tuple(map(world.src, "abc")))
    listed.value = (world.src("a"), world.src("c"))
    assert typed.value == run.only == f"{world.src('a')},{world.src('c')}"
    assert "2 of 3 tables" in parts(form, ipywidgets.HTML)[0].value
    same, mistakes = choose_tables(run.config, map(world.src, "abc"), typed.value)
    assert (list(same), mistakes) == ([world.src("a"), world.src("c")], [])
    assert [pair.source for pair in preflight(run).pairs] == list(same)


def test_globs_typed_pick_in_the_list_and_none_is_refused_by_the_plan(world: World) -> None:
    for name in ("a1", "a2", "b"):
        world.pair(name, things(1))
    run = world.open()
    form = tables_form(run)
    [typed], [listed] = parts(form, ipywidgets.Text), parts(form, ipywidgets.SelectMultiple)
    typed.value = "*-a?, nothing"
    assert listed.value == (world.src("a1"), world.src("a2"))
    listed.value = ()
    with pytest.raises(ConfigError, match="no table matched"):
        preflight(run)
    listed.value = tuple(map(world.src, ("a1", "a2", "b")))
    assert typed.value == run.only == "*"


def test_the_tables_of_a_planned_run_are_only_shown(world: World) -> None:
    world.pair("a", things(1))
    run = world.open()
    preflight(run)
    form = tables_form(run)
    assert isinstance(form, ipywidgets.HTML)
    assert world.src("a") in form.value


def test_only_the_target_itself_confirms(world: World) -> None:
    world.pair("a", things(3))
    run = world.open(confirm_target="")
    preflight(run)
    export_tables(run)
    form = confirmation_form(run, "import")
    [typed] = parts(form, ipywidgets.Text)
    typed.value = f"{ACCOUNT}/us-east-1"
    with pytest.raises(ConfigError, match="nothing was written"):
        import_tables(run)
    assert world.items(world.target, world.dst("a")) == []
    typed.value = f" {ACCOUNT}/us-east-2 "
    assert "confirmed" in parts(form, ipywidgets.HTML)[0].value
    import_tables(run)
    assert len(world.items(world.target, world.dst("a"))) == 3


@pytest.mark.parametrize(("step", "execute", "canary", "asks"), [
    ("import", True, False, True), ("import", False, False, False), ("cleanup", False, True, False),
    ("validate", True, True, True), ("validate", True, False, False), ("validate", False, True, False),
])  # fmt: skip
def test_the_target_is_asked_for_only_where_something_can_be_changed(
    world: World, step: str, execute: bool, canary: bool, asks: bool
) -> None:
    """Entered before `execute` was set, it was confirmed, and forgotten when the cells were run again."""
    world.pair("a", things(1))
    run = world.open(execute=execute, confirm_target="", validate={"canary": canary})
    assert not parts(confirmation_form(run, step), ipywidgets.Text)  # without a plan the gate would stop all the same
    preflight(run)
    form = confirmation_form(run, step)
    assert bool(parts(form, ipywidgets.Text)) is asks
    assert parts(form, ipywidgets.HTML)[0].value.startswith("Nothing to confirm") is not asks


@pytest.mark.whole
def test_differences_are_narrowed_down_and_show_keys_only_where_the_run_keeps_them(world: World) -> None:
    for name in ("a", "b"):
        world.pair(name, things(5, t={"S": "<secret>"}))
    run = world.open()
    for step in (preflight, export_tables, import_tables):
        step(run)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00001"}})
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00002"}, "n": {"S": "<other>"}, "t": {"S": "<secret>"}}])
    world.put(world.target, world.dst("b"), things(6)[5:])
    for keys in ("hash", "full"):
        run = world.open(report={"show_keys": keys})
        validate_tables(run)
        look_through(run, world, {"hash": 0, "full": 1}[keys])


def look_through(run: Run, world: World, with_key: int) -> None:
    form = differences_form(run)
    (table, kind), [piece] = parts(form, ipywidgets.Dropdown), parts(form, ipywidgets.Text)
    found = parts(form, ipywidgets.HTML)[0]
    assert found.value.removeprefix("<div style='line-height:1.3'>").startswith("3 of 3 listed differences")
    assert table.options == ("all", world.src("a"), world.src("b"))
    assert kind.options == ("all", "different", "extra", "missing")
    kind.value = "different"
    assert found.value.removeprefix("<div style='line-height:1.3'>").startswith("1 of 3 listed differences")
    assert "n type, N became S" in found.value
    table.value = world.src("b")
    assert ">0 of 3" in found.value
    table.value = kind.value = "all"
    piece.value = "i00001"
    assert f">{with_key} of 3" in found.value
    static = difference_table(run)
    assert list(static.frame()["kind"]) == ["different", "missing", "extra"]
    assert ("i00001" in str(static)) == bool(with_key)
    assert "secret" not in found.value + str(static) + static._repr_html_()


def test_where_all_rows_are_alike_the_table_is_not_shown_twice() -> None:
    columns = [Column("check"), outcome("outcome")]
    form = outcome_form(ShownTable.of("Checks.", columns, [("a", "ok"), ("b", "ok")], "none"))
    assert form.value == "2 rows, all ok"


def test_a_table_is_narrowed_down_to_the_rows_of_one_outcome() -> None:
    columns = [Column("check"), outcome("outcome")]
    table = ShownTable.of("Checks.", columns, [("a", "ok"), ("b", "blocker"), ("c", "ok")], "none")
    form = outcome_form(table)
    [picked], [found] = parts(form, ipywidgets.Dropdown), parts(form, ipywidgets.HTML)
    assert picked.options == ("all", "blocker", "ok")
    assert (picked.value, ">1 of 3 rows" in found.value) == ("blocker", True)  # the whole table stands above
    picked.value = "all"
    assert ">3 of 3 rows" in found.value
    picked.value = "ok"
    assert ">2 of 3 rows" in found.value
    assert ">b</td>" not in found.value
