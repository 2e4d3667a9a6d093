"""The words for what came of a run and of a table."""

from __future__ import annotations

PASS, FAIL, DRY_RUN, RUNNING, INTERRUPTED = "PASS", "FAIL", "DRY-RUN", "RUNNING", "INTERRUPTED"
NOT_MIGRATED, UNKNOWN = "NOT MIGRATED", "UNKNOWN"
UNPROVED = (FAIL, UNKNOWN, NOT_MIGRATED)
