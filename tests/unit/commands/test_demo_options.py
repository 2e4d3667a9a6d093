"""A demo that cannot be is refused with the option that is in the way, before anything is started."""

from __future__ import annotations

import pytest

from runbook_lib.cli import run_cli


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--sabotage gap", "it goes with --live"),
        ("--sabotage leak", "it goes with --masked"),
        ("--live --sabotage lost-items", "leave out --live"),
        ("--live --masked --run-id x", "leave out --masked"),
        ("--campaign --run-id x --json", "leave out --run-id, --json"),
    ],
)
def test_the_option_to_leave_out_or_to_add_is_named(
    options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["demo", *options.split()]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.strip().endswith(said)) == ("", True), told.err


@pytest.mark.parametrize("name", ["a b", "../x"])
def test_a_name_that_no_run_can_have_starts_no_sandbox(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["demo", "--run-id", name]) == 2
    told = capsys.readouterr()
    assert (told.out, "run id: expected" in told.err) == ("", True)


def test_a_missing_extra_is_said_before_the_sandbox_is_said_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runbook_lib.extras.find_spec", lambda _: None)
    assert run_cli(["demo"]) == 2
    told = capsys.readouterr()
    assert (told.out, "needs the extra `sandbox`" in told.err) == ("", True)
