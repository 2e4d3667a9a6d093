"""The migration file of the sandbox is written where it was asked for, and takes no other file's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.sandbox.demo.run import copied_to


def test_it_is_written_where_it_was_asked_for_and_over_no_other_file(tmp_path: Path) -> None:
    made, to = tmp_path / "made.yaml", tmp_path / "migration.yaml"
    made.write_text("name: demo")
    assert copied_to(to, made) == to == copied_to(to, made)  # the same again is no other file
    assert to.read_text() == "name: demo"
    to.write_text("name: mine")
    with pytest.raises(ConfigError, match="--migration: expected a new file"):
        copied_to(to, made)
    assert to.read_text() == "name: mine"
