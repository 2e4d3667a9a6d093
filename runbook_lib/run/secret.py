"""Where a run's secret lies: `~/.local/state/runbook/RUN_ID`, for its owner alone, and never in the run's folder.

That folder is published by CI, so the ledger knows the secret by its fingerprint only. A file may hold several, one a
line, for runs of different report folders may have one id. A secret that is lost, that others could read or that
cannot be kept is replaced by a new one: what leaned on the old one is then done anew. XDG_STATE_HOME stands for
`~/.local/state` where it is set (XDG Base Directory Specification).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from runbook_lib.items.keyed import SECRET_BYTES, RunSecret
from runbook_lib.run.facts.starts import SECRET_FINGERPRINT
from runbook_lib.run.ledger import Ledger


def state_folder() -> Path | None:
    """Where secrets of runs lie; None for a user who has no home."""
    chosen = Path(os.environ.get("XDG_STATE_HOME", ""))
    with suppress(RuntimeError):
        root = chosen if chosen.is_absolute() else Path.home() / ".local" / "state"
        if root.is_absolute():
            return root / "runbook"
    return None


def run_secret(ledger: Ledger, run_id: str) -> RunSecret:
    """The secret that the ledger is bound to; a new one, bound from now on, where that is not to be had."""
    folder, wanted = state_folder(), SECRET_FINGERPRINT.of(ledger)
    for known in _kept(folder / run_id) if folder else []:
        if known.fingerprint == wanted:
            return known
    made = RunSecret.new()
    with suppress(OSError):  # a home that cannot be written: the secret lasts as long as this process
        if folder:
            _keep(folder / run_id, made)
    SECRET_FINGERPRINT.record(ledger, made.fingerprint)
    return made


def _kept(file: Path) -> list[RunSecret]:
    """The secrets in a file; none where another user could have read or written it."""
    try:
        with open(file, encoding="ascii", errors="replace", opener=_open) as opened:
            state = os.fstat(opened.fileno())
            private = stat.S_ISREG(state.st_mode) and not stat.S_IMODE(state.st_mode) & 0o077
            if not private or state.st_uid != os.geteuid():
                return []
            lines = opened.read().split()
    except OSError:
        return []
    kept = []
    for line in lines:
        with suppress(ValueError):
            kept.append(RunSecret(bytes.fromhex(line)))
    return [secret for secret in kept if len(secret.value) == SECRET_BYTES]


def _open(file: str, flags: int) -> int:
    return os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _keep(file: Path, secret: RunSecret) -> None:
    """Write a file with this secret and the good ones that were there; a reader sees the former one or this one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [*_kept(file), secret]
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{secret.fingerprint[:8]}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.writelines(f"{kept.value.hex()}\n" for kept in lines)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
