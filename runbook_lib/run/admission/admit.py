"""What has to hold before a start may write its first byte, anywhere.

Everything here only looks, or locks. The locks are on what a run's folder has anyway, so that asking for one leaves
nothing behind: its runner holds the folder itself, a step holds the migration file, which is written once. The
system lets go of both when their process dies.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.config.section import NAME
from runbook_lib.errors import ConfigError, GateFailed, LedgerError, ResumeRefused
from runbook_lib.paths import reports_root
from runbook_lib.run.facts.publication import PUBLICATION
from runbook_lib.run.facts.starts import CHOSEN_TABLES, FINGERPRINT, IDENTITIES, RUN_ID, RUNNER_TOKEN
from runbook_lib.run.ledger import Ledger

# What lies beside the runs, on any system: the list of runs, JupyterLab's copies, a page of each campaign.
ITS_OWN = re.compile(r"index\.(html|md)|notebooks|readme\.md|campaign-.*\.html", re.IGNORECASE)
LEDGER, SETTINGS = "ledger.sqlite", "migration.yaml"
ORPHAN_SECONDS = 20.0  # the kernel of a killed run takes a moment to notice that it is an orphan
RUNNER_SECONDS = 2.0  # a look at the lock holds it for an instant, too
RUNNER = "RUNBOOK_RUNNER"  # tells the kernels of a runner whose they are


@dataclass(slots=True)
class Seat:
    """The right to be the only runner of a run; `lock` is None as long as the run has no folder."""

    folder: Path
    lock: int | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def take(self) -> None:
        """Hold a run that had no folder yet when this start was looked at, and has one now.

        Raises ConfigError where the other start that has begun it is at it still.
        """
        if self.lock is None:
            self.lock = _held_alone(self.folder, 0.0)

    def move(self, folder: Path) -> None:
        """Hold another folder, which is about to take the place of the one that is held."""
        former, self.lock = self.lock, _locked(folder, 0.0)
        if former is not None:
            os.close(former)


def folder_of(run_id: str) -> Path:
    """The folder of a run, whether it is there or not; raises ConfigError for what cannot be a run's name."""
    if not re.fullmatch(NAME, run_id):
        raise ConfigError(f"run id: expected letters, digits, dot, dash and underscore, found {run_id!r}")
    folder = reports_root() / run_id
    if ITS_OWN.fullmatch(run_id) and not (folder / LEDGER).is_file():  # of an older version, one may be cleaned up
        raise ConfigError(f"run id: the folder of the reports itself needs {run_id!r}; use another run id")
    return folder


def is_begun(folder: Path) -> bool:
    """Whether a folder is a run's. Raises ConfigError for one that holds something else or is elsewhere."""
    refuse_links(folder)
    if (folder / LEDGER).exists():
        return True
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder}: expected the folder of a run with {LEDGER} in it, or none; found something else, which stays "
            "as it is. Use another run id"
        )
    return False


def refuse_links(folder: Path) -> None:
    """Raise ConfigError if a run's folder, or anything in it, is a link.

    A run would have two names then, or be written where nobody looks for it, over what is another's.
    """
    for place in (folder, *folder.glob("*"), *folder.glob("*/*")):
        if place.is_symlink():
            raise ConfigError(f"{place}: expected a run's own folder and files, found a link; put there what it names")


@contextmanager
def sole_runner(folder: Path) -> Iterator[Seat]:
    """Be the only runner of a run, with none of its steps under way; raises ConfigError if it is not so.

    Of a run that has not begun there is nothing to hold; `make_folder` takes the seat's lock when it begins it.
    """
    seat = Seat(folder)
    try:
        if is_begun(folder):
            seat.lock = _held_alone(folder, RUNNER_SECONDS)
        yield seat
    finally:
        if seat.lock is not None:
            os.close(seat.lock)


def _held_alone(folder: Path, seconds: float) -> int:
    """A lock of a run's folder, with no step of the run under way; raises ConfigError where another start has it."""
    lock = _locked(folder, seconds)
    if lock is None:
        raise ConfigError(f"run {folder.name} is running already; wait for it or use another run id")
    try:
        with step_lock(folder, ConfigError):
            return lock
    except BaseException:
        os.close(lock)
        raise


@contextmanager
def step_lock(folder: Path, refusal: type[Exception] = GateFailed) -> Iterator[None]:
    """One process at a time does a step; waits a little for an orphan to end, then raises."""
    if not (folder / SETTINGS).is_file():
        raise refusal(f"{folder}: expected {SETTINGS} of the run's first start in it, found none; use another run id")
    lock = _locked(folder / SETTINGS, ORPHAN_SECONDS)
    if lock is None:
        raise refusal(f"run {folder.name} is being worked on by another process; wait for it or stop it")
    try:
        yield
    finally:
        os.close(lock)


def is_of_runner(ledger: Ledger) -> bool:
    """Whether this process is a kernel of the runner that has the run."""
    token = os.environ.get(RUNNER)
    return bool(token) and token == RUNNER_TOKEN.of(ledger)


def refuse_other_runner(folder: Path, ledger: Ledger, seat: Seat | None) -> None:
    """Raise GateFailed, or ConfigError of a runner, if a runner has the run that is not ours.

    Nobody writes between its steps. Whoever asks with a `seat` has the run from now on.
    """
    if seat is not None:
        seat.take()
    if seat is not None or is_of_runner(ledger):
        return
    lock = _locked(folder, 0.0, fcntl.LOCK_SH)
    if lock is None:
        raise GateFailed(f"run {folder.name} is running already; wait for it or use another run id")
    os.close(lock)


def is_running(folder: Path) -> bool:
    """Whether a runner has the run, or a process does a step of it."""
    for place in (folder, folder / SETTINGS):
        if not place.exists():
            continue
        lock = _locked(place, 0.0, fcntl.LOCK_SH)
        if lock is None:
            return True
        os.close(lock)
    return False


def refuse_another_run(ledger: Ledger, config: Migration, run_id: str) -> None:
    """Raise ResumeRefused for a ledger of another run, and if the run's configuration moved other items.

    With a copied ledger a run would be proved that wrote nothing, and its cleanup would take away what another wrote.
    """
    try:
        began, published = FINGERPRINT.of(ledger), PUBLICATION.of(ledger)
        own = RUN_ID.of(ledger) or (published.run_id if published else run_id)
    except LedgerError as error:
        raise ResumeRefused(f"run {run_id} cannot be taken up: {error}") from None
    if own != run_id:
        raise ResumeRefused(
            f"{ledger.path}: expected the ledger of run {run_id}, found that of run {own}, copied or in a folder that "
            f"was renamed; nothing was done. Call the folder {own} again, or use another run id for a new run"
        )
    if began != config.fingerprint():
        own = shlex.quote(str(ledger.path.parent / SETTINGS))
        raise ResumeRefused(
            f"run {run_id} was started with another configuration (fingerprint {began}, now "
            f"{config.fingerprint()}); use its own file, {own}, or another run id for a new run"
        )


def refuse_another_account(ledger: Ledger, clients: Clients, run_id: str) -> None:
    """Raise ResumeRefused unless a resumed run reaches the accounts and regions that it began with."""
    for side, who in (("source", clients.source_identity), ("target", clients.target_identity)):
        known = IDENTITIES.of(ledger, side)
        if known and (known.account, known.region) != (who.account, who.region):
            raise ResumeRefused(
                f"run {run_id} began with {side} {known.account}/{known.region}, these credentials reach "
                f"{who.account}/{who.region}; use the former credentials or another run id"
            )


def refuse_another_choice(ledger: Ledger, tables: str, run_id: str) -> str:
    """The tables that the run chose at its first start; raises ResumeRefused if others are asked for now."""
    chosen = CHOSEN_TABLES.of(ledger) or "*"
    if tables and globs(tables) != globs(chosen):
        raise ResumeRefused(
            f"run {run_id} was started for the tables {chosen!r}, and that holds for the whole run; found {tables!r}. "
            "Leave --tables out to go on with it, or use another run id"
        )
    return chosen


def globs(tables: str) -> frozenset[str]:
    """The globs of a choice of tables."""
    return frozenset(glob.strip() for glob in tables.split(","))


def make_folder(folder: Path, files: Mapping[str, bytes], seat: Seat | None, write: Callable[[Ledger], None]) -> None:
    """Begin a run: its folder appears whole, with these files and what `write` puts into its ledger, or not at all.

    Raises ResumeRefused if somebody else has begun it meanwhile.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    try:
        for inner in (made, made / "quarantine", made / "charts"):
            inner.mkdir()
        for name, content in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        ledger = Ledger(made / LEDGER)
        write(ledger)
        ledger.close()
        lock = _locked(made, 0.0) if seat is not None else None
        try:
            made.rename(folder)
        except OSError:
            if lock is not None:
                os.close(lock)
            if is_begun(folder):
                raise ResumeRefused(f"run {folder.name} was begun by another process; use another run id") from None
            raise
        if seat is not None:
            seat.lock = lock
    finally:
        shutil.rmtree(made, ignore_errors=True)


def free_folder(name: str) -> Path:
    """Where a run without an id lies: it never takes up another one."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"[:95]
    number, folder = 1, folder_of(stem)
    while folder.exists():
        number += 1
        folder = folder_of(f"{stem}-{number}")
    return folder


def keep_settings(folder: Path, settings: bytes) -> Path:
    """The run's copy of the settings of this start: `migration.yaml` is the first start's, and never written again."""
    number, file = 1, folder / SETTINGS
    while file.exists() and file.read_bytes() != settings:
        number += 1
        file = folder / f"migration-{number}.yaml"
    if not file.exists():
        file.write_bytes(settings)
    return file


def _locked(place: Path, seconds: float, kind: int = fcntl.LOCK_EX) -> int | None:
    """A descriptor that holds a lock of a file or folder, or None if another one has it all the time."""
    lock, deadline = os.open(place, os.O_RDONLY), time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), place.stat()):
                return lock
            stale, lock = lock, os.open(place, os.O_RDONLY)  # another folder has taken its place meanwhile
            os.close(stale)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.05)
        except OSError as error:
            os.close(lock)
            raise ConfigError(
                f"{place} cannot be locked: {error}; a run's folder has to lie on a local file system"
            ) from None
