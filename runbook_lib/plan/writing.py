"""The ways in which a table can be written."""

from __future__ import annotations

BATCH_WRITE, IMPORT_TABLE = "batch_write", "import_table"
