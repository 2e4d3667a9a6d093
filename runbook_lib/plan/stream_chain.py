"""Which stream carries on from a full export: the same one, on since before it, with both images, and with no gap.

Pure. A stream is an ordered log, so that reading some of it twice does no harm; what it no longer holds is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from runbook_lib.aws.dynamodb.streams.shards import BOTH, ENABLED, DescribedStream
from runbook_lib.errors import ExportError
from runbook_lib.timestamps import format_timestamp

KEPT = timedelta(hours=24)  # how long a record is there
ADVICE = "nothing of it was written. Begin anew with a full export, and catch_up: {by: windows}"


class StreamRule(StrEnum):
    """What a stream that is followed may not be; the name stands in every message."""

    GAP = "GAP"
    STREAM_OFF = "STREAM_OFF"
    STREAM_VIEW = "STREAM_VIEW"
    OTHER_STREAM = "OTHER_STREAM"
    MISSING_RECORD = "MISSING_RECORD"
    MIXED = "MIXED"


class StreamFault(ExportError):
    """A stream cannot be followed: which rule it breaks, and from which window on, counted from 1."""

    def __init__(self, rule: StreamRule, window: int, text: str) -> None:
        super().__init__(f"{rule}: window {window}: {text}; {ADVICE}")
        self.rule, self.window = rule, window


def why_off(source: str) -> str:
    """What to say of a table without a stream."""
    return (
        f"{source} has no stream that is on, and none is ever turned on here: turn one on with {BOTH}, wait until "
        "it is ENABLED, and begin a new run; or go by windows"
    )


def stream_faults(number: int, table: str, now: tuple[str, str] | None, known: str | None) -> Iterator[StreamFault]:
    """What stands against the stream that a table says it has now, ARN and view; `known` is the one read before."""
    if now is None:
        yield StreamFault(StreamRule.STREAM_OFF, number, why_off(table))
        return
    arn, view = now
    if view != BOTH:
        yield StreamFault(
            StreamRule.STREAM_VIEW, number,
            f"the stream of {table} should have the view {BOTH} and has {view[:80]}: what items were, or are, is not "
            "in it",
        )  # fmt: skip
    if known is not None and arn != known:
        yield StreamFault(
            StreamRule.OTHER_STREAM, number,
            f"the stream of {table} should be {known} and is {arn}: it was off in between, and what was written then "
            "is in neither",
        )  # fmt: skip


def reach_faults(
    number: int, stream: DescribedStream, start: datetime, began: datetime, now: datetime
) -> Iterator[StreamFault]:
    """What stands against reading a stream from `start` on; `began` is the moment of the full export."""
    if stream.status != ENABLED:
        yield StreamFault(
            StreamRule.STREAM_OFF, number, f"{stream.arn} should be {ENABLED} and is {stream.status[:80]}"
        )
    if stream.view != BOTH:
        yield StreamFault(
            StreamRule.STREAM_VIEW, number, f"{stream.arn} should have the view {BOTH} and has {stream.view[:80]}"
        )
    if stream.created.replace(microsecond=0) > began:
        yield StreamFault(
            StreamRule.OTHER_STREAM, number,
            f"{stream.arn} was turned on at {format_timestamp(stream.created)}, and should have been on before the "
            f"full export of {format_timestamp(began)}: what was written in between is not in it",
        )  # fmt: skip
    if now - start >= KEPT:
        yield StreamFault(
            StreamRule.GAP, number,
            f"a stream keeps its records for 24 hours, and it is {format_timestamp(now)}: what was written since "
            f"{format_timestamp(start)} is not there whole any more",
        )  # fmt: skip
