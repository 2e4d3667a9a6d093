"""docs/library.md says what the face of the library is, and its example works as it stands."""

from __future__ import annotations

import pytest

from runbook_lib.errors import GateFailed
from tests.support.pages import PAGES, blocks
from tests.support.world import World, things
from tools import library_page

(EXAMPLE,) = blocks(PAGES["docs/library.md"], "python")


def test_the_page_lists_every_verb_and_method_with_its_own_words() -> None:
    text = PAGES["docs/library.md"]
    assert text == library_page.page(text), "run python -m tools.library_page"
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert all(row.split("|")[2].strip() for row in rows)


@pytest.mark.whole
def test_the_example_migrates_and_proves_it(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("a", things(12))
    world.config().rename(world.folder / "migration.yaml")
    monkeypatch.chdir(world.folder)
    exec(compile(EXAMPLE, "docs/library.md", "exec"), {})
    assert capsys.readouterr().out == "PASS 12\n"
    assert len(world.items(world.target, world.dst("a"))) == 12


def test_the_example_stops_at_a_gate_and_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), things(1))
    world.config().rename(world.folder / "migration.yaml")
    monkeypatch.chdir(world.folder)
    with pytest.raises(GateFailed, match=world.dst("a")):
        exec(compile(EXAMPLE, "docs/library.md", "exec"), {})
    assert len(world.items(world.target, world.dst("a"))) == 1
