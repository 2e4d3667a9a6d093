"""How a run began, each time that it was started since, and how each of its steps ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic


class StepStatus(StrEnum):
    """How a step ended, or that it has not."""

    NOT_RUN = "not run"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class StepFact:
    """A step as it was last started; `because` is why a gate called it failed, where the message only repeats it."""

    status: StepStatus
    started: str | None = late()
    execute: bool | None = late()
    message: str | None = None
    finished: str | None = late()
    seconds: float | None = late()
    because: str | None = None


@dataclass(frozen=True, slots=True)
class StepStart:
    """One start of a step: who did it on each side, and with which code."""

    started: str
    execute: bool
    arn: dict[str, str | None]
    code: str


@dataclass(frozen=True, slots=True)
class PermissionFact:
    """Leave to write: the target that was spelled, how, by whom and when."""

    target: str
    how: str
    by: str | None
    at: str


@dataclass(frozen=True, slots=True)
class Interruption:
    """When a start was stopped, and in which step if that is known."""

    at: str
    step: str | None


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """One start: the steps, tables and settings that were asked for, by the runner or `by` something else.

    `file_confirms` is whether these settings spell the target.
    """

    started: str
    steps: tuple[str, ...]
    tables: str
    execute: bool
    settings: str
    by: str | None = late()
    confirmed: PermissionFact | None = late()
    interrupted: Interruption | None = late()
    file_confirms: bool | None = late()


@dataclass(frozen=True, slots=True)
class IdentityFact:
    """Whom a side's credentials were when the run began."""

    account: str | None
    region: str | None
    arn: str | None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class CodeFact:
    """Code that ran: the commit, the digests of library and notebooks, the versions of the packages that matter."""

    git: str | None
    library: str
    notebooks: dict[str, str]
    packages: dict[str, str]


RUN_ID = Note("run", "id", str)
STARTED = Note("run", "started", str)
FINGERPRINT = Note("run", "fingerprint", str)
CHOSEN_TABLES = Note("run", "tables", str)
RUNNER_TOKEN = Note("run", "runner", str)
ACCEPTED = Note("run", "accept", dict[str, list[str]])
SECRET_FINGERPRINT = Note("run", "secret_fingerprint", str)
PERMISSION = Note("run", "writing", PermissionFact)
ATTEMPTS = Note("run", "attempts", tuple[AttemptFact, ...])
SETTINGS_DIGESTS = Topic("settings", str)
IDENTITIES = Topic("identity", IdentityFact)
STEP_FACTS = Topic("step", StepFact)
UNDONE_STEPS = Topic("undone_step", StepFact)  # a start that might write, was not done, and was looked at since
STEP_STARTS = Topic("acted", tuple[StepStart, ...])
STEP_SECONDS = Topic("seconds", float)
CODES = Topic("code", CodeFact)
