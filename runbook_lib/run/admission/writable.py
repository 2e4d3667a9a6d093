"""Whether a run can be written at all, asked before its first byte: by its place, and by what this process makes."""

from __future__ import annotations

import os
from pathlib import Path

from runbook_lib.errors import ConfigError
from runbook_lib.run.admission.admit import LEDGER

OWNER = 0o700  # of what is made, nothing may be kept from whoever makes it
INNER = ("quarantine", "charts")


def refuse_unwritable(folder: Path) -> None:
    """Raise ConfigError if a run cannot be written to, or not be begun where it should lie."""
    _refuse_shutting_umask()
    places = [next(place for place in folder.parents if place.exists())]
    if folder.exists():  # its pages are replaced as files of it, all at once as a folder beside it
        places += [folder, folder / LEDGER, *(folder / name for name in INNER)]
    for place in places:
        if place.exists() and not os.access(place, os.W_OK | (os.X_OK if place.is_dir() else 0)):
            raise ConfigError(
                f"{place}: expected a place that can be written to; nothing was done. Fix its permissions"
            )


def _refuse_shutting_umask() -> None:
    """Raise ConfigError where what this process makes would be shut to itself: a ledger, a kernel's connection."""
    mask = os.umask(0o077)  # it cannot be asked for without being set
    os.umask(mask)
    if mask & OWNER:
        raise ConfigError(
            f"umask: expected one that leaves files to whoever makes them, like 022 or 077, found {mask:03o}; nothing "
            "was done. Set another (umask 077) and run again"
        )
