"""One run: its folder, its configuration, its clients and its ledger.

A notebook opens the run it belongs to with `open_run`; everything it then does goes through
the ledger, so that each notebook can be run alone, later and again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.aws.session.granted_clients import GrantedClients
from runbook_lib.config.model import Migration, load_config
from runbook_lib.errors import ConfigError, GateFailed, Interrupted
from runbook_lib.items.keyed import RunSecret
from runbook_lib.plan.naming import is_among
from runbook_lib.plan.pair import Pair
from runbook_lib.run.admission.admit import (
    LEDGER,
    SETTINGS,
    Seat,
    folder_of,
    is_begun,
    is_of_runner,
    keep_settings,
    make_folder,
    refuse_another_account,
    refuse_another_choice,
    refuse_another_run,
    refuse_other_runner,
    step_lock,
)
from runbook_lib.run.admission.confirmation import file_confirms
from runbook_lib.run.admission.ended import refuse_ended
from runbook_lib.run.admission.hook_copy import hook_file
from runbook_lib.run.admission.parameters import settings_file
from runbook_lib.run.admission.sitting import Sitting, sitting
from runbook_lib.run.admission.writable import refuse_unwritable
from runbook_lib.run.attempts import BY_NOTEBOOK, add_attempt, note_interrupt
from runbook_lib.run.facts.afterwards.used_units import READS_COUNTED
from runbook_lib.run.facts.doubt.late_writes import doubt_killed, end_writes, note_call
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.plan import PlanFileFact, planned_pairs_of
from runbook_lib.run.facts.starts import (
    ACCEPTED,
    CHOSEN_TABLES,
    FINGERPRINT,
    IDENTITIES,
    PERMISSION,
    RUN_ID,
    SETTINGS_DIGESTS,
    STARTED,
    STEP_FACTS,
    AttemptFact,
    IdentityFact,
    StepFact,
    StepStatus,
)
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.secret import run_secret
from runbook_lib.run.steps import BY_HAND, GO_ON, KEPT, begin_step, failed_by, sign_step
from runbook_lib.run.unfinished import mark_unfinished
from runbook_lib.timestamps import format_timestamp

ALL = "*"


@dataclass(slots=True)
class Run:
    """An open run. `execute` allows writing to the target; `only` are globs over source tables, see `is_among`.

    It is only looked at until its ledger is first written: then it is begun, if it is new, with a folder of its own.
    `confirmed` is the target as a person typed it here, in place of the file's `confirm_target`; `settings` are the
    bytes of the migration file, `seat` the right of a runner; in a cleanup `only` may be less than the run's tables.
    """

    id: str
    folder: Path
    config: Migration
    clients: Clients
    ledger: Ledger
    execute: bool
    only: str = ALL
    confirmed: str = ""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    settings: bytes = b""
    seat: Seat | None = None
    sitting: Sitting = Sitting.SPELLED
    cleanup: bool = False
    plan_file: PlanFileFact | None = None
    attempted: set[str] = field(default_factory=set, repr=False)  # steps that a start by hand was recorded for
    _secret: RunSecret | None = field(default=None, repr=False)
    granted: GrantedClients = field(default_factory=GrantedClients, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # tables are loaded side by side

    @property
    def secret(self) -> RunSecret:
        """What key hashes and the comparison are keyed with; made when it is first asked for, after the export."""
        with self._lock:
            if self._secret is None:
                self._secret = run_secret(self.ledger, self.id)
            return self._secret

    def admit(self) -> None:
        """Allow the first write: what was looked at when the run was opened still holds. Begins a new run."""
        refuse_unwritable(self.folder)
        if not is_begun(self.folder):
            files = {SETTINGS: self.settings} | hook_file(self.config)
            make_folder(self.folder, files, self.seat, self._write_beginning)
            return
        refuse_another_run(self.ledger, self.config, self.id)
        refuse_another_account(self.ledger, self.clients, self.id)
        if not self.cleanup:  # another process may have begun it, or a form have changed the choice
            refuse_another_choice(self.ledger, self.only, self.id)
        refuse_other_runner(self.folder, self.ledger, self.seat)
        mark_unfinished(self.folder, self.seat.move if self.seat else None)
        keep_settings(self.folder, self.settings)

    def keep_settings(self) -> Path:
        """The run's copy of the settings of this start; the ledger knows from now on what they were."""
        file = keep_settings(self.folder, self.settings)
        SETTINGS_DIGESTS.record(self.ledger, file.name, hashlib.sha256(self.settings).hexdigest())
        return file

    def _write_beginning(self, ledger: Ledger) -> None:
        with ledger.batch():
            SETTINGS_DIGESTS.record(ledger, SETTINGS, hashlib.sha256(self.settings).hexdigest())
            RUN_ID.record(ledger, self.id)
            FINGERPRINT.record(ledger, self.config.fingerprint())
            CHOSEN_TABLES.record(ledger, self.only)
            STARTED.record(ledger, format_timestamp(self.now()))
            READS_COUNTED.record(ledger, True)
            for side, who in self._identities().items():
                IDENTITIES.record(ledger, side, who)

    def _identities(self) -> dict[str, IdentityFact]:
        both = {"source": self.clients.source_identity, "target": self.clients.target_identity}
        return {side: IdentityFact(w.account, w.region, w.arn, w.endpoint) for side, w in both.items()}

    def tell_calls(self) -> None:
        """Have every call recorded from now on, and the ones that were made while the run was only looked at."""
        self.clients.calls.report_to(partial(note_call, self.ledger, self.now))

    def pairs(self) -> list[Pair]:
        """The planned tables in the order of their import; empty before the pre-flight."""
        return planned_pairs_of(self.ledger)

    def planned_pairs(self) -> list[Pair]:
        """Those of the planned tables that this invocation acts on; raises GateFailed if there is no plan."""
        planned = self.pairs()
        if not planned:
            raise GateFailed(f"run {self.id} has no plan yet; run 00_preflight first")
        chosen = [pair for pair in planned if is_among(pair.source, self.only)]
        if not chosen:
            raise GateFailed(f"no table of run {self.id} matches {self.only!r}")
        return chosen

    def keep_accepted(self) -> None:
        """Record what the migration file lets stay unknown; the verdict reads it, and it may change between starts."""
        ACCEPTED.record(self.ledger, self.config.accept.not_checked)

    def has_written_to(self, pair: Pair) -> bool:
        """Whether this run has begun to write to the pair's target, as it is now.

        One that it asked ImportTable for without hearing an answer is taken for its own; the import proves it.
        """
        begun, target = IMPORTS.of(self.ledger, pair.source), pair.target_facts
        if begun is None or target is None:
            return False
        if begun.import_table is not None:
            return begun.import_table.table_id in (None, table_identity(target))
        return begun.binding is not None and begun.binding.target_table_id == table_identity(target)

    @contextmanager
    def step(self, name: str, *, only_looks: bool = False) -> Iterator[None]:
        """Record a step's start, end and seconds, who does it and with which code; one process at a time.

        An interrupt is recorded and raised as Interrupted. A step that `only_looks` never writes, though the run may.
        """
        if name != "preflight" and not is_begun(self.folder):
            raise GateFailed(f"run {self.id} has not begun: {self.folder} is not there; run 00_preflight first")
        refuse_ended(self.ledger, self.id, name)
        self.ledger.allow()
        with step_lock(self.folder):
            refuse_other_runner(self.folder, self.ledger, self.seat)
            mark_unfinished(self.folder, self.seat.move if self.seat else None)
            doubt_killed(self.ledger)
            self.tell_calls()
            clock, before = time.monotonic(), STEP_FACTS.of(self.ledger, name)
            fact = StepFact(StepStatus.RUNNING, format_timestamp(self.now()), self.execute and not only_looks)
            again = before is None or before.status != StepStatus.COMPLETED
            with self.ledger.batch():
                begin_step(self.ledger, name, fact)
                sign_step(self.ledger, name, fact, {side: who.arn for side, who in self._identities().items()})
                self._attempt(name, fact, self.keep_settings(), again=again)
            try:
                yield
            except KeyboardInterrupt:
                stopped = Interrupted(f"{name} was stopped by hand; {KEPT[name]}. {GO_ON}")
                fact = replace(fact, status=StepStatus.INTERRUPTED, message=f"stopped by hand; {KEPT[name]}")
                note_interrupt(self.ledger, format_timestamp(self.now()), name)
                raise stopped from None
            except BaseException as error:
                fact = failed_by(fact, error)
                raise
            else:
                fact = replace(fact, status=StepStatus.COMPLETED)
            finally:
                ended, seconds = format_timestamp(self.now()), round(time.monotonic() - clock, 3)
                STEP_FACTS.record(self.ledger, name, replace(fact, finished=ended, seconds=seconds))
                self.clients.calls.flush()
                end_writes(self.ledger)

    def _attempt(self, step: str, fact: StepFact, settings: Path, *, again: bool) -> None:
        """Record a start by hand, in a notebook; a runner has recorded its own, for all its steps."""
        if step not in BY_HAND or self.seat or is_of_runner(self.ledger) or (step in self.attempted and not again):
            return
        self.attempted.add(step)
        confirmed = PERMISSION.of(self.ledger) if self.execute else None
        asked = (step,), self.only, self.execute, settings.name, BY_NOTEBOOK, confirmed
        add_attempt(self.ledger, AttemptFact(str(fact.started), *asked, None, file_confirms(self.config, self.clients)))

    @property
    def confirmation(self) -> str:
        """What spells the target for this run."""
        return self.confirmed or self.config.confirm_target


def open_run(
    config: str = "",
    run_id: str = "",
    execute: bool = False,
    tables: str = "",
    clients: Clients | None = None,
    *,
    step: str = "preflight",
    seat: Seat | None = None,
    kind: type[Run] = Run,
) -> Run:
    """Look at the run a notebook belongs to; nothing is written, and no folder made, before its first step.

    Without `config` the environment's RUNBOOK_CONFIG is used; without `run_id` the run of this sitting, see
    `sitting`, of which `step` is about to be done; without `tables` those of the run's first start. Raises ConfigError
    for what is wrong with them and ResumeRefused when the run was started with another configuration, for other
    tables or as somebody in another account.
    """
    run = _look(config, run_id, execute, tables, clients, step, seat, kind)
    run.only = refuse_another_choice(run.ledger, tables, run.id) if is_begun(run.folder) else tables or ALL
    return run


def open_cleanup(
    config: str,
    run_id: str,
    execute: bool,
    tables: str,
    clients: Clients | None = None,
    seat: Seat | None = None,
    kind: type[Run] = Run,
) -> Run:
    """Look at a run, or some of its tables, of which traces go; raises as `open_run`, or if none is there."""
    run = _look(config, run_id, execute, tables, clients, "cleanup", seat, kind)
    if not is_begun(run.folder):
        raise ConfigError(f"run id: expected a run in {run.folder.parent}, found no {run.id!r}; nothing was removed")
    run.only, run.cleanup = tables or ALL, True
    if (known := run.pairs()) and not any(is_among(pair.source, run.only) for pair in known):
        raise ConfigError(f"tables: no table of run {run.id} matches {run.only!r}; nothing was removed")
    return run


def _look(
    config: str, run_id: str, execute: bool, tables: str, clients: Clients | None, step: str, seat: Seat | None,
    kind: type[Run],
) -> Run:  # fmt: skip
    path = settings_file(config, run_id, execute, tables)
    migration = load_config(path)
    name, how = (run_id, Sitting.SPELLED) if run_id else sitting(migration.name, step)
    folder = folder_of(name)
    ledger = Ledger(folder / LEDGER, admit=lambda: run.admit())
    if is_begun(folder):
        refuse_another_run(ledger, migration, name)
    clients = clients or connect(migration)
    settings = Path(path).read_bytes()
    run = kind(name, folder, migration, clients, ledger, execute, settings=settings, seat=seat, sitting=how)
    refuse_another_account(run.ledger, clients, name)
    return run


def table_identity(facts: TableDescription) -> str:
    """What tells a table from one of the same name made later; its ARN where the server gives no id."""
    return facts.table_id or facts.arn
