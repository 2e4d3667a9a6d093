"""Incremental exports: which windows are taken, and what is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_lib.aws.outcome import outcome_of
from runbook_lib.conformance.made.exports import recovered, request_for_export
from runbook_lib.conformance.made.window import SHORTEST
from runbook_lib.conformance.question import Area, Need, api, guide, measured_by_others, question
from runbook_lib.conformance.subject import Subject

_BUCKET = (Need.BUCKET,)
_INVALID_TIME = "InvalidExportTimeException"


def window(subject: Subject, start: datetime, end: datetime, **more: Any) -> str:
    """What asking for a window came to."""
    request = request_for_export(subject, subject.ddb, recovered(subject), "windows") | {
        "ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": {
            "ExportFromTime": start, "ExportToTime": end, "ExportViewType": "NEW_AND_OLD_IMAGES",
        },
    }  # fmt: skip
    return outcome_of(subject.ddb.export_table_to_point_in_time, **request | more)


def now_of(subject: Subject) -> datetime:
    return datetime.fromtimestamp(int(subject.clock()), UTC)


@question(
    Area.WINDOWS,
    expect=_INVALID_TIME,
    relied_on="a window that is too short to export is waited for, and not stretched back",
    source=guide("DynamoDB data export: incremental exports, a minimum of 15 minutes"),
    needs=_BUCKET,
)
def window_of_a_minute(subject: Subject) -> str:
    """Is a window of a minute refused?"""
    now = now_of(subject)
    return window(subject, now - timedelta(minutes=1), now)


@question(
    Area.WINDOWS,
    expect=_INVALID_TIME,
    relied_on="windows of a chain are a day long at most",
    source=guide("DynamoDB data export: incremental exports, a maximum of 24 hours"),
    needs=_BUCKET,
)
def window_of_two_days(subject: Subject) -> str:
    """Is a window of two days refused?"""
    now = now_of(subject)
    return window(subject, now - timedelta(days=2), now)


@question(
    Area.WINDOWS,
    expect=_INVALID_TIME,
    relied_on="a window begins before it ends",
    source=api("IncrementalExportSpecification"),
    needs=_BUCKET,
)
def window_that_ends_before_it_begins(subject: Subject) -> str:
    """Is a window refused that ends before it begins?"""
    now = now_of(subject)
    return window(subject, now, now - SHORTEST)


@question(
    Area.WINDOWS,
    expect=_INVALID_TIME,
    relied_on="a window ends at a moment that AWS has",
    source=api("IncrementalExportSpecification"),
    needs=_BUCKET,
)
def window_that_ends_in_the_future(subject: Subject) -> str:
    """Is a window refused that ends in the future?"""
    now = now_of(subject)
    return window(subject, now, now + SHORTEST)


@question(
    Area.WINDOWS,
    expect=_INVALID_TIME,
    relied_on="a chain begins once recovery is on",
    source=measured_by_others("test_export.py, pull request 29924: a window from before the table was made"),
    needs=_BUCKET,
)
def window_from_before_recovery(subject: Subject) -> str:
    """Is a window refused that begins before recovery was on?"""
    now = now_of(subject)
    return window(subject, now - timedelta(hours=2), now - timedelta(hours=1))
