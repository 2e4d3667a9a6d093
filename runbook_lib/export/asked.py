"""An export that a run asks for by itself: begun once, found again after a kill, and asked for anew once it has failed.

Its token is recorded before the request, so that a killed run finds its export again. What has failed is recorded, too,
and only the next start asks for another, with another token: nothing that goes on or is whole is asked for twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from runbook_lib.aws.dynamodb.exports import ExportState, describe_export, find_export
from runbook_lib.errors import ExportError
from runbook_lib.run.facts.afterwards.rollback import TargetBefore
from runbook_lib.run.facts.export import ExportStatus
from runbook_lib.run.facts.windows import SecondExport, WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep, Wait

Fact = TypeVar("Fact", WindowFact, SecondExport, TargetBefore)
Done = TypeVar("Done")


def new_token() -> str:
    """What tells AWS that a repeated request is the same one."""
    return str(uuid.uuid4())


def standing(state: ExportState) -> tuple[ExportStatus, str | None]:
    """How an export stands and why it failed; a state that this code does not know cannot be read, and is looked at
    again."""
    if state.status in (ExportStatus.IN_PROGRESS, ExportStatus.COMPLETED, ExportStatus.FAILED):
        return ExportStatus(state.status), state.failure
    return ExportStatus.UNREADABLE, f"DescribeExport says {state.status}, a state that this code does not know"


@dataclass(frozen=True, slots=True)
class OwnExport(Generic[Fact]):
    """Where one export is asked for, what it is called in messages, and how what is known of it is kept."""

    run: Run
    what: str
    client: Any
    table_arn: str
    start: Callable[[Fact], ExportState | None]
    keep: Callable[[Fact], Fact]
    sleep: Sleep

    def begun(self, fact: Fact) -> Fact:
        """The export as AWS has begun it; one that has failed in an earlier start is asked for with a new token."""
        if fact.failed is not None:
            fact = self.keep(replace(fact, token=new_token(), arn=None, failed=None))
        if fact.arn is not None:
            return fact
        asked, token = fact, str(fact.token)
        state = self._wait().until(lambda: find_export(self.client, self.table_arn, token) or self.start(asked))
        return self.keep(replace(fact, arn=state.arn, bucket=state.bucket, folder=state.folder))

    def completed(self, fact: Fact) -> ExportState:
        """Wait for an export that was begun; raises ExportError with AWS's reason for one that has failed."""
        state = self._wait().until(lambda: self._ended(str(fact.arn)))
        status, failure = standing(state)
        why = failure or "no reason was given"
        if status is ExportStatus.FAILED:
            raise self.failed(fact, f"{self.what} ended as {state.status}: {why}")
        if status is not ExportStatus.COMPLETED:
            raise ExportError(
                f"{self.what} ended as {state.status}: {why}; run the same command again to look at it again"
            )
        return state

    def failed(self, fact: Fact, why: str) -> ExportError:
        """The error for an export that is of no use; the next start asks for another."""
        self.keep(replace(fact, failed=why))
        return ExportError(f"{why}; run the same command again, which asks for another export")

    def _ended(self, arn: str) -> ExportState | None:
        state = describe_export(self.client, arn)
        return None if state.status == ExportStatus.IN_PROGRESS else state

    def _wait(self) -> Wait:
        minutes = self.run.config.export.timeout_minutes

        def late(failure: str) -> ExportError:
            return ExportError(
                f"{self.what} is still running after export.timeout_minutes ({minutes:g}){failure}; run the same "
                "command again to go on waiting for it"
            )

        return Wait(minutes * 60, self.run.config.export.poll_seconds, late, self.sleep)


def each_of(work: Iterable[Callable[[], Done]]) -> list[Done]:
    """Do everything, also after an export of which nothing comes: a start is to find all that failed, not the first.

    Raises ExportError that names each.
    """
    done, failures = [], []
    for piece in work:
        try:
            done.append(piece())
        except ExportError as error:
            failures.append(str(error))
    if failures:
        raise ExportError("; ".join(failures))
    return done
