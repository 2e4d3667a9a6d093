"""What the windows of a table have left in its target, for whoever writes there afterwards: whether that is known.

A window that was begun and is not whole has left some of its keys as they were and others as it says. What an earlier
secret has hashed nobody can tell apart.
"""

from __future__ import annotations

from runbook_lib.run.facts.windows import WindowFact, WindowState, windows_of
from runbook_lib.run.run import Run

BEGUN = (WindowState.APPLYING, WindowState.APPLIED)


def half_applied(run: Run, source: str) -> WindowFact | None:
    """The window that is in the target in part; there is never more than one."""
    return next((w for w in windows_of(run.ledger, source) if w.state is WindowState.APPLYING), None)


def why_half(run: Run, source: str) -> str:
    """Why a table has to be caught up with first; empty where no window is applied in part."""
    half = half_applied(run, source)
    return (
        f"window {half.number} of {source} ({half.start} to {half.end}) is applied in part; catch up again "
        "(40_catch_up, or runbook catch-up), which applies it to its end"
        if half is not None
        else ""
    )


def read_under_another(window: WindowFact, secret: str | None) -> bool:
    """Whether nobody can tell what a window left in the target, as its keys were hashed with another `secret`."""
    return window.state in BEGUN and window.digests != secret


def why_unreadable(run: Run, source: str) -> str:
    """Why nobody knows what the windows left; empty where it is known, or there are none."""
    if not any(read_under_another(window, run.secret.fingerprint) for window in windows_of(run.ledger, source)):
        return ""
    return (
        f"the windows of {source} were read under a secret that is lost, so nobody knows what they left in the target; "
        "catch up again (40_catch_up, or runbook catch-up), which reads them anew"
    )
