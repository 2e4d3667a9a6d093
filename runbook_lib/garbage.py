"""How often Python looks for garbage in cycles: seldom, in the processes of a command.

Nearly all that they make, modules and AWS's models above all, lives as long as they do. To look through it as often as
Python does by default took a fifth of the CPU of a small run. What is in no cycle is freed at once, as ever.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 100)


def look_seldom() -> None:
    """From now on look for garbage seldom, and never in what is there already."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
