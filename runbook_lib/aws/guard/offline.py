"""Keep a process from reaching anything but this machine, for the demo and the sandbox.

Switched on by `RUNBOOK_OFFLINE=1` in the environment, so that notebook kernels inherit it.
A Python audit hook cannot be taken off again: no code in the process, ours or a library's,
gets past it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

from runbook_lib.errors import ForbiddenCall

SWITCH = "RUNBOOK_OFFLINE"
_installed = False


def refuse_network() -> None:
    """Install the hook if the switch is on; more than once is harmless."""
    global _installed
    if os.environ.get(SWITCH) == "1" and not _installed:
        sys.addaudithook(_hook)
        _installed = True


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        _check(args[1][0])
    elif event == "socket.getaddrinfo":
        _check(args[0])


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost"):
        return
    try:
        local = isinstance(name, str) and ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ForbiddenCall(f"{SWITCH}=1 keeps this process on this machine; it was asked to reach {name!r}")
