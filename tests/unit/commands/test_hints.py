"""What a person mistypes, or a machine runs out of, is answered with what to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runbook_lib.cli import cli, run_cli
from runbook_lib.commands.arguments import ELSEWHERE


def test_a_glob_that_the_shell_has_replaced_is_answered_with_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["run", "migration.yaml", "--tables", "orders-1.csv", "orders-2.csv"]) == 2
    assert "A glob needs quotes" in capsys.readouterr().err
    assert run_cli(["run", "migration.yaml", "--no-such"]) == 2
    assert "A glob needs quotes" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [("chek", "plan"), ("estimate", "plan"), ("plna", "plan"), ("validate", "run --from validate"), ("xyzzy", "")],
)
def test_a_word_that_is_no_command_is_answered_with_the_one_for_it(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([word, "migration.yaml"]) == 2
    error = capsys.readouterr().err
    assert (f"Did you mean: runbook {meant}?" in error) == bool(meant)
    assert word in error


def test_every_word_leads_to_a_command() -> None:
    assert [word for word, meant in ELSEWHERE.items() if meant.split()[0] not in cli.commands] == []
    assert [word for word in ELSEWHERE if word in cli.commands] == []


@pytest.mark.parametrize(("value", "hinted"), [("*-staging", True), ("*", True), ("%x", False)])
def test_a_star_without_quotes_in_the_file_is_answered_with_quotes(
    value: str, hinted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "m.yaml").write_text(f"name: m\ntables:\n  include: [{value}]\n")
    assert run_cli(["run", str(file)]) == 2
    error = capsys.readouterr().err
    assert "not valid YAML" in error
    assert ("a value that begins with * needs quotes" in error) == hinted


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_named_with_its_path(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))

    def full(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))  # as write() says it, without a name

    assert run_cli([], full) == 1
    assert f"below {tmp_path / 'reports'}; what the ledger holds is not lost" in capsys.readouterr().err

    def named(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), "/somewhere/else")

    assert run_cli([], named) == 1
    error = capsys.readouterr().err
    assert "/somewhere/else" in error
    assert "reports" not in error
