"""A run that could not be written is refused by name before its first byte, and not by whoever stumbles over it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.run.admission.writable import refuse_unwritable


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
        assert os.umask(mask) == mask  # a look leaves it as it is
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o777, 0o700, 0o200, 0o477])
def test_a_umask_that_shuts_what_is_made_to_its_maker_is_refused(tmp_path: Path, mask: int) -> None:
    with umask(mask), pytest.raises(ConfigError, match=f"found {mask:03o}; nothing was done. Set another"):
        refuse_unwritable(tmp_path / "r")


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_one_that_shuts_it_to_others_is_not(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        refuse_unwritable(tmp_path / "not yet" / "r")


@pytest.mark.parametrize("shut", [".", "r", "r/ledger.sqlite", "r/quarantine", "r/charts"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shut: str) -> None:
    """Whoever runs the tests may be let write everything, so that no mode of a file would show it."""
    for name in ("quarantine", "charts"):
        (tmp_path / "r" / name).mkdir(parents=True)
    (tmp_path / "r" / "ledger.sqlite").touch()
    refuse_unwritable(tmp_path / "r")
    place = tmp_path / shut
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place)
    with pytest.raises(ConfigError, match="expected a place that can be written to") as told:
        refuse_unwritable(tmp_path / "r")
    assert str(told.value).startswith(f"{place}: ")
