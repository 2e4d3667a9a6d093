"""A hook gets an item and gives items back; what it says by the way, or raises, is never shown."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.masking.hook import HookContext, HookFailed, ItemHook, hooked, load_hook

CONTEXT = HookContext("t", "u", 0, 1)


def prints(item: Any, context: HookContext) -> Any:
    print(item)
    print(item, file=sys.stderr)
    logging.getLogger("a hook's own").warning("%s", item)
    return item


def shows_through_a_child(item: Any, context: HookContext) -> Any:
    subprocess.run(["echo", item["a"]["S"]], check=True)
    os.write(1, item["a"]["S"].encode())
    os.write(2, item["a"]["S"].encode())
    return item


LOGS = """
import logging, sys
own = logging.getLogger("a hook that logs")
own.addHandler(logging.StreamHandler())
out = sys.stdout
def transform(item, context):
    own.warning("%s", item)
    print(item, file=out)
    return item
"""


def leaves(item: Any, context: HookContext) -> Any:
    sys.exit(str(item))


def test_what_a_hook_prints_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert hooked(ItemHook(prints, ""), {"a": {"S": "private"}}, CONTEXT) == [{"a": {"S": "private"}}]
    assert capsys.readouterr() == ("", "")


def test_what_it_writes_past_python_goes_nowhere_either(capfd: pytest.CaptureFixture[str]) -> None:
    assert hooked(ItemHook(shows_through_a_child, ""), {"a": {"S": "private"}}, CONTEXT) == [{"a": {"S": "private"}}]
    assert capfd.readouterr() == ("", "")
    os.write(1, b"and afterwards all is as it was")
    assert capfd.readouterr().out == "and afterwards all is as it was"


def test_what_it_opened_when_it_was_imported_goes_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hook.py").write_text(LOGS)
    hook = load_hook("hook.py:transform", tmp_path)
    assert hooked(hook, {"a": {"S": "private"}}, CONTEXT) == [{"a": {"S": "private"}}]
    assert capfd.readouterr() == ("", "")


def test_a_hook_that_leaves_the_program_is_one_that_failed() -> None:
    with pytest.raises(HookFailed) as caught:
        hooked(ItemHook(leaves, ""), {"a": {"S": "private"}}, CONTEXT)
    assert str(caught.value) == "the hook raised SystemExit"
