"""The seal of a run's folder, against each way to change what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook_lib.errors import EvidenceError
from runbook_lib.run.sealed.seal import pages_are_sealed, seal, verify
from runbook_lib.run.unfinished import SUMS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path = tmp_path / "r"
    for name in ("run.json", "report.md", "ledger.sqlite", "charts/one.svg", "quarantine/a.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm", ".lock"):  # as an open ledger leaves them
        (tmp_path / name).touch()
    seal(tmp_path)
    return tmp_path


def _without_line(folder: Path) -> None:
    kept = [line for line in (folder / SUMS).read_text().splitlines() if "report.md" not in line]
    (folder / SUMS).write_text("\n".join(kept) + "\n")


def _named_twice(folder: Path) -> None:
    """sha256sum would say of the first of them that it was changed."""
    (folder / SUMS).write_text(f"{'0' * 64}  report.md\n{(folder / SUMS).read_text()}")


def _link_to_nothing(folder: Path) -> None:
    (folder / "report.md").unlink()
    (folder / "report.md").symlink_to(folder / "nothing")


def _ledger_elsewhere(folder: Path) -> None:
    (folder / "ledger.sqlite").rename(folder.parent / "l")
    (folder / "ledger.sqlite").symlink_to(folder.parent / "l")


def _seal_elsewhere(folder: Path) -> None:
    (folder / SUMS).rename(folder.parent / "s")
    (folder / SUMS).symlink_to(folder.parent / "s")


def test_what_is_as_it_was_is_verified(folder: Path) -> None:
    assert verify(folder) == 5


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda f: (f / "charts/one.svg").write_text("other"), "charts/one.svg was changed"),
        (lambda f: (f / "quarantine/a.jsonl").unlink(), "quarantine/a.jsonl is missing"),
        (lambda f: (f / "more.txt").touch(), "more.txt was added"),
        (lambda f: (f / "report.md").rename(f / "report2.md"), "report.md is missing; report2.md was added"),
        (_without_line, "report.md was added"),
        (_link_to_nothing, "report.md is a link"),
        (lambda f: (f / "more").symlink_to(f / "report.md"), "more is a link"),
        (lambda f: (f / "more").symlink_to(f / "charts", target_is_directory=True), "more is a link"),
        (_ledger_elsewhere, "ledger.sqlite is a link"),
        (_seal_elsewhere, "SHA256SUMS is a link"),
        (lambda f: (f / ".hidden").touch(), ".hidden is hidden"),
        (lambda f: (f / "charts" / ".x").write_text("x"), "charts/.x is hidden"),
        (lambda f: (f / ".ipynb_checkpoints").mkdir(), ".ipynb_checkpoints is hidden"),
        (lambda f: (f / ".lock").write_text("x"), ".lock is hidden"),
        (lambda f: (f / "more").mkdir(), "more was added"),
        (lambda f: os.mkfifo(f / "pipe"), "pipe is no regular file"),
        (lambda f: (f / "other-wal").write_bytes(b""), "other-wal was added"),
        (lambda f: (f / "x-shm").write_bytes(b"x"), "x-shm was added"),
        (lambda f: (f / SUMS).write_text(""), "does not name run.json"),
        (_named_twice, "should be a digest and a name of its own"),
        (lambda f: (f / "ledger.sqlite-wal").write_bytes(b"facts"), "ledger.sqlite-wal was added"),
    ],
)
def test_each_change_is_named(folder: Path, tamper: Callable[[Path], object], words: str) -> None:
    tamper(folder)
    with pytest.raises(EvidenceError, match=words):
        verify(folder)


def test_the_list_of_runs_believes_no_page_that_is_not_as_it_was_sealed(folder: Path) -> None:
    (folder / "report.html").write_text("html")
    seal(folder)
    assert pages_are_sealed(folder)
    for name in ("run.json", "report.html", "report.md"):
        was = (folder / name).read_text()
        (folder / name).write_text(was + " ")
        assert not pages_are_sealed(folder), name
        (folder / name).unlink()
        assert not pages_are_sealed(folder), name
        (folder / name).write_text(was)
    (folder / "report.html").unlink()
    seal(folder)
    (folder / "report.html").write_text("one that nobody sealed")
    assert not pages_are_sealed(folder)


def test_without_a_seal_no_page_is_believed(tmp_path: Path) -> None:
    assert not pages_are_sealed(tmp_path)
    (tmp_path / SUMS).write_text("no digest of anything\n")
    assert not pages_are_sealed(tmp_path)
