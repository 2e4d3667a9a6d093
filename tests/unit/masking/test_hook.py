"""A hook gets an item and gives items back; what it says by the way, or raises, is never shown."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from runbook_lib.masking.hook import HookContext, HookFailed, ItemHook, hooked

CONTEXT = HookContext("t", "u", 0, 1)


def prints(item: Any, context: HookContext) -> Any:
    print(item)
    print(item, file=sys.stderr)
    logging.getLogger("a hook's own").warning("%s", item)
    return item


def leaves(item: Any, context: HookContext) -> Any:
    sys.exit(str(item))


def test_what_a_hook_prints_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert hooked(ItemHook(prints, ""), {"a": {"S": "private"}}, CONTEXT) == [{"a": {"S": "private"}}]
    assert capsys.readouterr() == ("", "")


def test_a_hook_that_leaves_the_program_is_one_that_failed() -> None:
    with pytest.raises(HookFailed) as caught:
        hooked(ItemHook(leaves, ""), {"a": {"S": "private"}}, CONTEXT)
    assert str(caught.value) == "the hook raised SystemExit"
