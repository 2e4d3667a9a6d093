"""A command of the migration file: no shell, no variables but a few, and an end of its process group at its limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping

from runbook_lib.config.sections.hooks import Hook
from runbook_lib.run.facts.cut_over.hooks import HookFault

ALWAYS = ("PATH", "HOME", "LANG")
Outcome = tuple[HookFault | None, int | None]


def run_command(hook: Hook, environment: Mapping[str, str]) -> Outcome:
    """Run it to its end; what it prints is thrown away, for it may show what the tables hold."""
    allowed = {name: environment[name] for name in (*ALWAYS, *hook.environment) if name in environment}
    try:
        started = subprocess.Popen(
            hook.run or [], env=allowed, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError):
        return HookFault.NOT_STARTED, None
    try:
        code = started.wait(hook.timeout)
    except subprocess.TimeoutExpired:
        return HookFault.TIMEOUT, None
    finally:  # also on Ctrl-C, and what it has left running
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    return (HookFault.EXIT_CODE if code else None), code
