"""A command that a person stops ends with 130 and says how to go on, where it knows more than that it was stopped."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.errors import Interrupted


@pytest.mark.parametrize(
    ("stopped", "says"),
    [
        (Interrupted("orders was interrupted; run the campaign again to go on"), "interrupted: orders was interrupted"),
        (KeyboardInterrupt(), "interrupted\n"),
    ],
)
def test_it_says_how_to_go_on(capsys: pytest.CaptureFixture[str], stopped: BaseException, says: str) -> None:
    def command(*_: Any, **__: Any) -> int:
        raise stopped

    assert run_cli([], command) == 130
    assert capsys.readouterr().err.startswith(says)
