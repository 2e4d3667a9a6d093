"""What became of the commands and probes of a cut-over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.topic import Topic


class HookFault(StrEnum):
    """Why a command or probe failed."""

    NOT_STARTED = "not-started"
    EXIT_CODE = "exit-code"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    STATUS = "status"
    NO_ANSWER = "no-graphql-answer"
    ERRORS = "graphql-errors"
    NULL = "null"
    NO_VARIABLE = "no-variable"
    REFUSED = "refused"
    FUNCTION_ERROR = "function-error"


@dataclass(frozen=True, slots=True)
class HookFact:
    """One command or probe: `code` is its exit code or status. What it printed or was sent is not kept."""

    name: str
    kind: str
    at: str
    seconds: float
    fault: HookFault | None = None
    code: int | None = None


HOOKS_RUN = Topic("hooks", tuple[HookFact, ...])  # of the gate by whose name they stand
