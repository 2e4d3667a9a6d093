"""The ways in which a table can be read and written."""

from __future__ import annotations

from enum import StrEnum


class Method(StrEnum):
    """How a table's items are had; FAIL is for one that cannot be exported and may not be scanned: nothing begins."""

    EXPORT = "export"
    SCAN = "scan"
    REUSE = "reuse"
    SKIP = "skip"
    FAIL = "fail"


class Writing(StrEnum):
    """How a target is filled: by this tool, in batches or item by item, or by DynamoDB itself."""

    BATCH_WRITE = "batch_write"
    IMPORT_TABLE = "import_table"
    BULK_PUT = "bulk_put"
