"""Files that are there whole or not at all, whoever else writes the same one."""

from __future__ import annotations

from pathlib import Path

from runbook_lib.atomic_files import prepare


def test_two_that_prepare_the_same_file_share_nothing_of_it(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    one, other = prepare(file, "one"), prepare(file, "other")
    one.place()
    assert file.read_text(encoding="utf-8") == "one"
    other.place()
    assert file.read_text(encoding="utf-8") == "other"
    assert [left.name for left in tmp_path.iterdir()] == ["index.html"]


def test_what_is_given_up_leaves_the_file_and_the_others(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    one, other = prepare(file, "one"), prepare(file, "other")
    one.discard()
    other.place()
    assert file.read_text(encoding="utf-8") == "other"
