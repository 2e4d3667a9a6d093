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
    SOURCE_STATUS = "source-status"
    REPLICATION_ATTRIBUTES = "replication-attributes"
    EARLIER_EXPORT = "earlier-export"
    EXPORT_IS_WHOLE = "export-is-whole"
    EXPORT_IN_USE = "export-in-use"
    RECOVERY = "point-in-time-recovery"
    EXPORT_TIME = "export-time"
    SOURCE_STREAM = "source-stream"
    WAY_OF_WRITING = "way-of-writing"
    MADE_BY_IMPORT_TABLE = "made-by-import-table"
    LOCAL_INDEXES = "local-indexes"
    BULK_PUT = "bulk-put"
    BULK_PUT_RATE = "rate-of-a-bulk-put"
    WARM_IMPORT = "warm-throughput-of-an-import"
    TARGET_TABLE = "target-table"
    ACCOUNT_AND_REGION = "account-and-region"
    KEY = "key"
    ACTIVE = "active"
    EMPTY = "empty"
    UNDO = "undo"
    REGISTER = "register"
    STREAM = "stream"
    TRIGGERS = "triggers"
    KINESIS_STREAMS = "kinesis-streams"
    REPLICAS = "replicas"
    TIME_TO_LIVE = "time-to-live"
    DEFINITION = "definition"
    REFERENCES = "references"
    BUCKET = "bucket"
    BUCKET_OWNER = "bucket-owner"
    BUCKET_ENCRYPTION = "bucket-encryption"
    BUCKET_LIFECYCLE = "bucket-lifecycle"
    ENCRYPTION_KEY = "encryption-key"
    EXPORTS_AT_ONCE = "exports-at-once"
    WRITE_CAPACITY = "write-capacity"
    COST = "cost"
    TIME = "time"
    FREE_DISK = "free-disk"
    CLOCK = "clock"
    UNFAMILIAR_MEMBER = "unfamiliar-member"
    INDEX_ANSWERS = "index-answers"
    CANARY = "canary"


AnyId = CheckId | DefinitionId
# Where an id without its dashes is not what people say.
WORDS = {
    CheckId.RECOVERY: "point-in-time recovery",
    CheckId.KINESIS_STREAMS: "Kinesis streams",
    CheckId.MADE_BY_IMPORT_TABLE: "made by ImportTable",
}


# What does not touch the proof when it is not known, and who notices later.
ADVICE = {
    CheckId.PERMISSIONS: "a call that is not allowed is refused, and its step fails",
    CheckId.EXPORTS_AT_ONCE: "AWS refuses an export beyond the limit, and the run waits for its turn",
    CheckId.EXPORT_TIME: "AWS refuses a moment that it cannot restore, and the export fails",
    CheckId.WRITE_CAPACITY: "writes beyond it are throttled and sent again",
    CheckId.FREE_DISK: "a full disk ends the step with an error",
    CheckId.BUCKET_OWNER: "AWS refuses to write to a bucket that it is not told the owner of, and the export fails",
    CheckId.REPLICATION_ATTRIBUTES: "they are written and compared as they are",
    CheckId.KINESIS_STREAMS: "what else receives the loaded items is not part of the comparison",
    CheckId.BUCKET_ENCRYPTION: "a bucket that requires its key refuses the export, which fails",
    CheckId.BUCKET_LIFECYCLE: "a file of the export that is gone fails its table",
    CheckId.EXPORT_IN_USE: "a cleanup of the run that made an earlier export may remove it; its table then fails",
    CheckId.REFERENCES: "it lists what has to be changed to the new tables; the data is compared all the same",
    CheckId.COST: "it is about money; where a limit is set, not known is a blocker",
    CheckId.TIME: "it is about waiting; where a limit is set, not known is a blocker",
}


class Bearing(StrEnum):
    """What becomes of the verdict when a look could not be made."""

    PROOF = "proof"  # nobody notices later: FAIL, unless accept.not_checked names it
    SAID = "said"  # the verdict stands for what a person handed over, and the first screen says so
    ADVICE = "advice"  # it does not touch the proof


def bearing(check: str) -> Bearing:
    """What a look that could not be made means for the verdict; whatever is not known to be harmless is not."""
    if check == CheckId.EXPORT_IS_WHOLE:
        return Bearing.SAID
    return Bearing.ADVICE if check in ADVICE else Bearing.PROOF


def words(check: str) -> str:
    """What readers call a look."""
    known = {str(name): text for name, text in WORDS.items()}
    return known.get(check) or str(CheckId.DEFINITION if is_of_definition(check) else check).replace("-", " ")


def definition_id(property_: str) -> DefinitionId:
    """The id of the comparison of one property of two definitions: `definition-global-indexes`."""
    return DefinitionId(f"{CheckId.DEFINITION}-{property_.lower().replace(' ', '-')}")


def is_of_definition(check: str) -> bool:
    """Whether a look compares definitions, as a whole or in one property."""
    return check == CheckId.DEFINITION or check.startswith(f"{CheckId.DEFINITION}-")
