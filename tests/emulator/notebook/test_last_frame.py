"""What a live table leaves of a step that was interrupted is what the ledger knows, not what was told last."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from runbook_lib.errors import Interrupted
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook import live
from runbook_lib.notebook.output import Place
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.counts import table_counts
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.run import Run
from tests.support.world import World, things

NAMES, ITEMS = "abcd", 150
SAID = {ImportStatus.COMPLETED: "done", ImportStatus.LOADING: "stopped while loading"}


class Cell:
    """A cell that runs: what is drawn in it, and what is to be done when it has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends: list[Callable[[], None]] = []
        self.html = ""
        monkeypatch.setattr(live, "at_end_of_cell", self.ends.append)
        monkeypatch.setattr(Place, "draw", lambda _, html: setattr(self, "html", html))

    def end(self) -> dict[str, list[str]]:
        """The rows that stay, by name: state and items."""
        for act in self.ends:
            act()
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", self.html)[1:]]
        texts = [[re.sub("<[^>]*>", "", cell) for cell in row] for row in rows]
        return {name: cells[:2] for name, *cells in texts}


def ready(world: World, **settings: object) -> Run:
    for name in NAMES:
        world.pair(name, things(ITEMS))
    run = world.open(**{"import": {"tables_at_once": 3} | settings})
    preflight(run)
    export_tables(run)
    return run


def as_recorded(world: World, run: Run) -> dict[str, list[str]]:
    facts, counts = IMPORTS.all(run.ledger), table_counts(run.ledger)
    rows = {}
    for name in NAMES:
        fact = facts.get(world.src(name))
        done = counts[world.src(name)].written if fact else 0
        rows[world.dst(name)] = [SAID[fact.status] if fact else "not begun", f"{done} of {ITEMS}"]
    return rows


@pytest.mark.few(1)
@pytest.mark.parametrize("settings", [{"max_wcu": 100}, {}], ids=["in the midst of tables", "as tables end"])
@pytest.mark.whole
def test_the_last_frame_of_an_interrupted_import_is_as_the_ledger_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    run, cell = ready(world, **settings), Cell(monkeypatch)
    show = live.import_progress(run)

    def stop(progress: TableProgress) -> None:
        show(progress)
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        import_tables(run, stop)
    left = cell.end()
    recorded = as_recorded(world, run)
    assert {name: left[name] for name in recorded} == recorded
    written = sum(int(items.split()[0]) for _, items in recorded.values())
    assert left["all tables"][1] == f"{written} of {ITEMS * len(NAMES)}"
    assert 0 < written == sum(len(world.items(world.target, world.dst(name))) for name in NAMES)


@pytest.mark.chaos
def test_a_table_that_an_earlier_start_has_loaded_is_not_called_not_begun_by_a_dry_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(world)
    import_tables(run)
    run.execute, cell = False, Cell(monkeypatch)
    import_tables(run, live.import_progress(run))
    assert cell.end() == {"all tables": ["", "600 of 600"]} | as_recorded(world, run)
