"""Processes of a command look for garbage seldom, and what is in no cycle is freed at once all the same."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import gc, weakref
before = gc.get_freeze_count()
from runbook_lib.garbage import look_seldom
look_seldom()
class Thing: ...
thing = Thing()
alive = weakref.ref(thing)
del thing
print(gc.get_threshold()[0] > 10_000, gc.get_freeze_count() > before, gc.isenabled(), alive() is None)
"""


def test_garbage_is_looked_for_seldom_and_not_in_what_is_there() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True"] * 4
