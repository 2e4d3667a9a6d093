"""What a look is called by the code, by `accept.not_checked` and by `run.json`: an id that never changes.

Decisions are made by ids; `words` are for readers and may be reworded. What becomes of a look that could not be
made is decided by its id alone, see `bearing`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

DefinitionId = NewType("DefinitionId", str)


class CheckId(StrEnum):
    """Everything that is looked at, before, during and after an import."""

    SELECTION = "selection-of-tables"
    ONE_SOURCE = "one-source"
    TARGET_NAME = "target-name"
    ANOTHER_TABLE = "another-table"
    NOT_PRODUCTION = "not-production"
    WARM_THROUGHPUT = "warm-throughput"
    IDENTITY = "identity"
    PERMISSIONS = "permissions"
    SOURCE_TABLE = "source-table"
    EARLIER_EXPORT = "earlier-export"
    EXPORT_IS_WHOLE = "export-is-whole"
    RECOVERY = "point-in-time-recovery"
    EXPORT_TIME = "export-time"
    WAY_OF_WRITING = "way-of-writing"
    MADE_BY_IMPORT_TABLE = "made-by-import-table"
    LOCAL_INDEXES = "local-indexes"
    WARM_IMPORT = "warm-throughput-of-an-import"
    TARGET_TABLE = "target-table"
    ACCOUNT_AND_REGION = "account-and-region"
    KEY = "key"
    ACTIVE = "active"
    EMPTY = "empty"
    UNDO = "undo"
    STREAM = "stream"
    TRIGGERS = "triggers"
    REPLICAS = "replicas"
    TIME_TO_LIVE = "time-to-live"
    DEFINITION = "definition"
    BUCKET = "bucket"
    BUCKET_ENCRYPTION = "bucket-encryption"
    BUCKET_LIFECYCLE = "bucket-lifecycle"
    ENCRYPTION_KEY = "encryption-key"
    EXPORTS_AT_ONCE = "exports-at-once"
    WRITE_CAPACITY = "write-capacity"
    COST = "cost"
    TIME = "time"
    FREE_DISK = "free-disk"
    CLOCK = "clock"


AnyId = CheckId | DefinitionId
# Where an id without its dashes is not what people say.
WORDS = {
    CheckId.RECOVERY: "point-in-time recovery",
    CheckId.MADE_BY_IMPORT_TABLE: "made by ImportTable",
}


def words(check: AnyId) -> str:
    """What readers call a look."""
    if check in WORDS:
        return WORDS[CheckId(check)]
    return str(CheckId.DEFINITION if is_of_definition(check) else check).replace("-", " ")


def definition_id(property_: str) -> DefinitionId:
    """The id of the comparison of one property of two definitions: `definition-global-indexes`."""
    return DefinitionId(f"{CheckId.DEFINITION}-{property_.lower().replace(' ', '-')}")


def is_of_definition(check: str) -> bool:
    """Whether a look compares definitions, as a whole or in one property."""
    return check == CheckId.DEFINITION or check.startswith(f"{CheckId.DEFINITION}-")
