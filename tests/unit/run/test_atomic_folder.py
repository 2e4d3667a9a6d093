"""Several files of a folder change at one instant, with the swap of the system and without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook_lib.run import atomic_folder
from runbook_lib.run.atomic_folder import NoSwap, change_at_once

Swapping = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "runs" / "r"
    (made / "charts").mkdir(parents=True)
    for name, text in {"SUMS": "seal", "page": "old", "other": "same", "gone": "x", "charts/c": "chart"}.items():
        (made / name).write_text(text)
    (made / "link").symlink_to("other")
    (made / "linked").symlink_to("charts", target_is_directory=True)
    made.chmod(0o750)
    return made


def contents(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): f.read_text() for f in folder.rglob("*") if f.is_file()}


CHANGED = {"page": "new", "other": "same", "charts/c": "chart", "link": "same"}


@pytest.mark.parametrize("swap", [True, False])
def test_pages_change_the_seal_goes_and_the_rest_stays(folder: Path, swap: bool) -> None:
    inode, heard = (folder / "other").stat().st_ino, []
    change_at_once(folder, {"page": "new"}, {"gone", "never"}, seal="SUMS", move=heard.append, swap=swap)
    seal = {"SUMS": "seal"} if swap else {}  # one by one a seal is the first to go, whatever is asked for
    assert contents(folder) == CHANGED | seal
    assert (folder / "link").is_symlink()
    assert (folder / "linked").is_symlink()
    assert (folder / "other").stat().st_ino == inode
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (heard == [folder]) == (not swap)
    assert len(heard) == 1
    assert [p.name for p in folder.parent.iterdir()] == ["r"]


def test_the_seal_can_be_among_what_goes_and_what_comes(folder: Path) -> None:
    change_at_once(folder, {"page": "new"}, {"SUMS", "gone"}, seal="SUMS")
    assert contents(folder) == CHANGED
    change_at_once(folder, {"SUMS": "again"}, seal="SUMS")
    assert contents(folder) == CHANGED | {"SUMS": "again"}


@pytest.mark.parametrize("why", ["no such call", "refused", "no links"])
def test_where_folders_cannot_change_places_files_do(folder: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    class Library:
        def __getattr__(self, name: str) -> Callable[..., int]:
            if why == "no such call":
                raise AttributeError(name)
            return lambda *_: -1

    def no_link(*_: object, **__: object) -> None:
        raise OSError("no links here")

    if why == "no links":
        monkeypatch.setattr(os, "link", no_link)
    else:
        monkeypatch.setattr(atomic_folder.ctypes, "CDLL", lambda *_, **__: Library())
    heard: list[Path] = []
    change_at_once(folder, {"page": "new", "SUMS": "again"}, {"gone"}, seal="SUMS", move=heard.append)
    assert contents(folder) == CHANGED | {"SUMS": "again"}
    assert heard[-1] == folder
    assert [p.name for p in folder.parent.iterdir()] == ["r"]


def test_one_by_one_the_seal_goes_first_and_comes_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies at any place in between leaves no sealed folder with pages of two moments."""
    seen: list[tuple[bool, str]] = []
    place, unlink = atomic_folder.Prepared.place, Path.unlink

    def look() -> None:
        seen.append(((folder / "SUMS").exists(), (folder / "page").read_text()))

    def placing(self: atomic_folder.Prepared) -> None:
        look()
        place(self)
        look()

    def unlinking(self: Path, missing_ok: bool = False) -> None:
        look()
        unlink(self, missing_ok)

    monkeypatch.setattr(atomic_folder.Prepared, "place", placing)
    monkeypatch.setattr(Path, "unlink", unlinking)
    change_at_once(folder, {"SUMS": "again", "page": "new"}, {"gone"}, seal="SUMS", swap=False)
    monkeypatch.undo()
    sealed = [page for there, page in seen if there]
    assert (sealed[0], {*sealed[1:]}) == ("old", {"new"})  # before all, and after all
    assert {page for there, page in seen if not there} == {"old", "new"}
    assert contents(folder) == CHANGED | {"SUMS": "again"}


@pytest.mark.parametrize("swap", [True, False])
def test_what_cannot_be_prepared_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, swap: bool) -> None:
    before, prepare = contents(folder), atomic_folder.prepare

    def full(path: Path, text: str) -> atomic_folder.Prepared:
        if text == "too much":
            raise OSError(28, "No space left on device")
        return prepare(path, text)

    monkeypatch.setattr(atomic_folder, "prepare", full)
    with pytest.raises(OSError, match="No space"):
        change_at_once(folder, {"page": "new", "other": "too much"}, {"gone"}, seal="SUMS", swap=swap)
    assert contents(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == ["r"]


def test_a_folder_that_is_a_link_stays_one(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(folder, target_is_directory=True)
    change_at_once(link, {"page": "new"}, {"gone"}, seal="SUMS")
    assert link.is_symlink()
    assert contents(folder) == CHANGED
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "runs"]


@pytest.mark.parametrize("swap", [True, False])
def test_the_change_is_on_the_disk_when_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch, swap: bool) -> None:
    settled: list[Path] = []
    monkeypatch.setattr(atomic_folder, "settle_names", settled.append)
    change_at_once(folder, {"page": "new"}, seal="SUMS", swap=swap)
    assert settled[-1] == folder.parent
    assert len(settled) == 2
    assert settled[0] == folder or settled[0].name.endswith(".new")


def test_no_swap_is_an_error_of_the_system() -> None:
    assert issubclass(NoSwap, OSError)
