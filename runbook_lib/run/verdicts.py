"""The words for what came of a run and of a table."""

from __future__ import annotations

PASS, FAIL, DRY_RUN, RUNNING, INTERRUPTED = "PASS", "FAIL", "DRY-RUN", "RUNNING", "INTERRUPTED"
NOT_MIGRATED, UNKNOWN = "NOT MIGRATED", "UNKNOWN"
NOT_CHOSEN = "not_chosen"  # the method of a table that the run leaves out, as it was asked to
UNPROVED = (FAIL, UNKNOWN, NOT_MIGRATED)
