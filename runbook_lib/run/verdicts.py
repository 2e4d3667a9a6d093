"""The words for what came of a run and of a table."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What came of a run, or of one of its tables."""

    PASS = "PASS"
    FAIL = "FAIL"
    DRY_RUN = "DRY-RUN"
    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"
    NOT_MIGRATED = "NOT MIGRATED"
    UNKNOWN = "UNKNOWN"


PASS, FAIL, DRY_RUN = Verdict.PASS, Verdict.FAIL, Verdict.DRY_RUN
RUNNING, INTERRUPTED = Verdict.RUNNING, Verdict.INTERRUPTED
NOT_MIGRATED, UNKNOWN = Verdict.NOT_MIGRATED, Verdict.UNKNOWN
NOT_CHOSEN = "not_chosen"  # the method of a table that the run leaves out, as it was asked to
UNPROVED = (FAIL, UNKNOWN, NOT_MIGRATED)
