"""A chain of exports that was made earlier: refused where something is in none of them, loaded where it is whole."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.catchup.step import catch_up
from runbook_lib.errors import ConfigError
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import plan_of, preflight, refuse_misconfigured
from runbook_lib.report.step import report_run
from runbook_lib.validate.step import validate_tables
from tests.support.chains import KEYS, chain_of, edit_summary, upload_real_chain
from tests.support.in_process import runbook_here
from tests.support.real_chain import GAP, real_chain
from tests.support.world import World


def reuse(world: World, source: str, chain: list[str], gaps: list[str], **more: Any) -> dict[str, Any]:
    settings = {"export": {"reuse": {source: chain}}, "catch_up": {"accept_gaps": gaps, "quiet_seconds": 0}}
    return settings | more


def files(world: World) -> list[str]:
    return sorted(p.name for p in (world.folder / "reports").rglob("*"))


def run_all(world: World, **settings: Any) -> Any:
    run = world.open(**settings)
    preflight(run)
    export_tables(run)
    import_tables(run)
    catch_up(run)
    validate_tables(run)
    report_run(run)
    return run


@pytest.mark.whole
def test_a_chain_with_a_gap_is_refused_by_name_before_there_is_a_run(world: World) -> None:
    chain, gap, _ = chain_of(world, 60)
    config = world.config(**reuse(world, world.src("a"), chain, []))
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    start, end = (moment.replace("+00:00", ".000Z") for moment in gap.split("/"))
    assert done.returncode == 2
    assert f"GAP: window 1: it should begin at {start}" in done.stderr + done.stdout
    assert f"{start}/{end}" in done.stderr + done.stdout
    assert not (world.folder / "reports" / "r").exists()
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.parametrize("order", [(0, 2), (0, 2, 1), (1, 2), (0, 1, 1), (0, 0)])
@pytest.mark.few(2)
def test_a_chain_in_pieces_or_out_of_order_is_refused(world: World, order: tuple[int, ...]) -> None:
    chain, _, _ = chain_of(world, 0)
    with pytest.raises(ConfigError, match=r"GAP|OVERLAP|expected a FULL_EXPORT|name the full export first"):
        refuse_misconfigured(plan_of(world.open(**reuse(world, world.src("a"), [chain[n] for n in order], []))))
    assert files(world) == []


@pytest.mark.parametrize(
    ("export", "member", "end"),
    [(0, "exportTime", 1), (1, "exportFromTime", 0), (1, "exportToTime", None), (2, "exportFromTime", None)],
)
def test_a_manifest_that_says_other_moments_than_dynamodb_is_refused(
    world: World, export: int, member: str, end: int | None
) -> None:
    chain, gap, _ = chain_of(world, 240)
    ends = [moment.replace("+00:00", ".000Z") for moment in gap.split("/")]
    edit_summary(world, chain[export], **{member: ends[end] if end is not None else "2026-01-14T10:20:00.000Z"})
    with pytest.raises(ConfigError, match=r"should be of .*, as DescribeExport says of"):
        refuse_misconfigured(plan_of(world.open(**reuse(world, world.src("a"), chain, []))))
    assert files(world) == []


@pytest.mark.parametrize("quiet", [0, 60])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_whole_chain_is_loaded_and_proved_as_of_its_end(world: World, quiet: int) -> None:
    chain, gap, held = chain_of(world, quiet)
    run = run_all(world, **reuse(world, world.src("a"), chain, [gap] if quiet else []))
    assert sorted(map(str, world.items(world.target, world.dst("a")))) == sorted(map(str, held))
    record = world.record("r")
    assert (record["verdict"], record["reasons"]) == ("PASS", [])
    assert [(w["state"], w["changes"], w["reused"]) for w in record["windows"]] == [
        ("applied", 3, True), ("applied", 4, True)
    ]  # fmt: skip
    assert len(record["accepted_gaps"]) == bool(quiet)
    for page in ("report.md", "report.html"):
        text = (run.folder / page).read_text(encoding="utf-8")
        assert "As of " in text
        assert ("GAP: no export of" in text) == bool(quiet)
        assert "Catch-up" in text


@pytest.mark.chaos
def test_a_change_in_a_gap_that_was_called_quiet_is_found(world: World) -> None:
    chain, gap, _ = chain_of(world, 240)  # three items were written in it
    run_all(world, **reuse(world, world.src("a"), chain, [gap]))
    record = world.record("r")
    assert record["verdict"] == "FAIL"
    assert any("a change was never exported" in reason for reason in record["reasons"])


def test_a_dry_run_reads_the_windows_and_writes_nothing(world: World) -> None:
    chain, _, _ = chain_of(world, 0)
    run = world.open(execute=False, **reuse(world, world.src("a"), chain, []))
    preflight(run)
    export_tables(run)
    import_tables(run)
    assert [(w.state, w.puts, w.deletes) for w in catch_up(run)] == [("read", 3, 0), ("read", 2, 2)]
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.skipif(real_chain() is None, reason="the real chain is not part of the repository")
def test_the_chain_that_aws_wrote_has_a_gap_and_loads_when_it_is_spelled(world: World) -> None:
    chain = upload_real_chain(world)
    tables = {"include": ["test"], "overrides": {"test": world.dst("a")}}
    with pytest.raises(ConfigError, match=GAP.replace("20:00Z", "20:00.000Z")) as raised:
        refuse_misconfigured(plan_of(world.open("refused", tables=tables, **reuse(world, "test", chain, []))))
    assert "GAP" in str(raised.value)
    assert files(world) == []
    world.table(world.target, world.dst("a"), **KEYS)
    run = run_all(world, tables=tables, **reuse(world, "test", chain, [GAP]))
    held = {item["pk"]["S"] + item["sk"]["S"] for item in world.items(world.target, world.dst("a"))}
    assert held == {"12", "13", "21", "22", "31", "32", "33", "42"}
    record = world.record("r")
    assert (record["verdict"], record["reasons"]) == ("PASS", [])
    text = (run.folder / "report.md").read_text(encoding="utf-8")
    first = text[: text.index("### Catch-up")]
    assert "GAP: no export of test covers the time from" in first
    assert "2026-01-14T10:18:50.622Z" in first
    assert "2026-01-14T10:20:00.000Z" in first
