"""Facts of AWS that are relied on and that no question asks: what cannot be made in twenty minutes, or not safely."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.conformance.question import Evidence, Source, api, guide, measured_by_others, model, seen


@dataclass(frozen=True, slots=True)
class FurtherFact:
    """One fact, and what stands behind it."""

    states: str
    relied_on: str
    source: Source


def _believed(where: str) -> Source:
    return Source(Evidence.BELIEVED, where)


FURTHER_FACTS: tuple[FurtherFact, ...] = (
    FurtherFact(
        "The counts of DescribeTable are about six hours old.",
        "they are an estimate and the order of the tables, and never evidence",
        api("TableDescription, ItemCount"),
    ),
    FurtherFact(
        "An export's token is known for eight hours after the first request that used it.",
        "a run that is resumed later looks for its export by its ARN",
        model("ExportTableToPointInTime, ClientToken"),
    ),
    FurtherFact(
        "ListExports drops the exports of a table that is gone; DescribeExport still knows them.",
        "an export is described by its ARN, and only looked for by listing",
        measured_by_others("test_export.py, pull request 29924"),
    ),
    FurtherFact(
        "A tiny full export takes from 95 seconds to 12 minutes, a window of 15 minutes about five.",
        "the forecast of a cut-over, and the patience of waiting for exports",
        seen("startTime and endTime; and measured by scylladb, pull request 30222"),
    ),
    FurtherFact(
        "The companions of both manifests end in .md5; pages of AWS call them .checksum.",
        "both names are read",
        seen("manifest-summary.md5, manifest-files.md5"),
    ),
    FurtherFact(
        "Of an item that changed, the old image is the state before the window began.",
        "windows are held to each other: a change that was never exported is found",
        seen("of two keys in two windows that touch, each changed once"),
    ),
    FurtherFact(
        "A window whose end is the present is taken; that its last minutes are whole is nowhere said.",
        "the end of a window is the latest restorable moment less a margin, and not the present",
        _believed("a window that ended 24 seconds before it was asked for completed"),
    ),
    FurtherFact(
        "An item that is put and removed within one window leaves no line, or one with its keys alone.",
        "windows touch and never overlap what was applied",
        _believed("a digest by others; not seen in a file of AWS"),
    ),
    FurtherFact(
        "The counts of an import stay 0 until its end.",
        "an import shows no progress, and 0 is not taken for a result",
        measured_by_others("test_import.py, pull request 31619"),
    ),
    FurtherFact(
        "The first line that is no item ends the reading of its file, and counts as one error.",
        "counts alone hide lines that were lost: every line is checked before an import",
        measured_by_others("test_import.py, pull request 31619"),
    ),
    FurtherFact(
        "A node of DynamoDB may try a write again by itself, seconds after the client gave up waiting.",
        "what was unanswered is waited out and looked at again before anything newer is applied",
        Source(Evidence.PAGE, "re:Post, why a request takes 5 seconds and more"),
    ),
    FurtherFact(
        "How late a repeated write can arrive is nowhere bounded.",
        "a window waits 60 seconds after a kill, and unanswered keys are looked at again",
        _believed("no page of AWS says it"),
    ),
    FurtherFact(
        "A partition takes 1,000 write units and 3,000 read units a second.",
        "a lane per key range, so that one hot partition slows its own lane only",
        guide("Partitions: best practices for designing partition keys"),
    ),
    FurtherFact(
        "A table on demand takes twice its former peak at once, and may throttle beyond that within 30 minutes.",
        "the rate of an import climbs, and does not jump",
        guide("On-demand mode: initial throughput and scaling"),
    ),
    FurtherFact(
        "An account's tables take 40,000 units a second each, unless the quota was raised.",
        "the rate is bounded, and the pre-flight tells by how much",
        guide("Quotas: throughput default quotas"),
    ),
    FurtherFact(
        "A reason of throttling is one of sixteen: table or index, read or write, and which limit.",
        "the reason decides what is slowed down; one that is not known slows everything",
        model("ThrottlingReason"),
    ),
    FurtherFact(
        "UnprocessedItems come without a reason.",
        "they slow the table as a refusal for its throughput does",
        model("BatchWriteItemOutput"),
    ),
    FurtherFact(
        "An index that has too little capacity refuses the write of its table, and is named in the reason.",
        "the index is named in the report, and the table is slowed to it",
        guide("Global secondary indexes: provisioned throughput considerations"),
    ),
    FurtherFact(
        "TTL removes an item some days after its time, by a service of its own.",
        "an item that had expired by the time it was read is forgiven, and no other",
        guide("Time to live: how it works"),
    ),
    FurtherFact(
        "A removal by TTL is told in a stream with the principal dynamodb.amazonaws.com.",
        "it is told apart from a write of the application",
        model("Record, userIdentity"),
    ),
    FurtherFact(
        "A table that had recovery leaves a backup of AWS's own for 35 days when it is removed, at no cost.",
        "the clean-up lists it, and does not try to remove it",
        guide("Point-in-time recovery: deleting a table"),
    ),
    FurtherFact(
        "A put to S3 with If-None-Match is refused where an object is.",
        "an entry in a register, and an anchor, are written once",
        api("PutObject of Amazon S3, If-None-Match"),
    ),
    FurtherFact(
        "A listing of S3 shows every object that was put before it (strong consistency).",
        "a cleanup sees in the register every run that has written; nothing else tells it",
        Source(Evidence.PAGE, "Amazon S3 User Guide, Amazon S3 data consistency model"),
    ),
    FurtherFact(
        "An object that is locked in COMPLIANCE mode can be removed by nobody before its time.",
        "an anchor is a witness that whoever made it cannot take back",
        Source(Evidence.PAGE, "Amazon S3 User Guide, Object Lock"),
    ),
    FurtherFact(
        "A bulk put needs an ACTIVE table without replicas, and no index that is being made.",
        "it is refused in the pre-flight, not by its failure",
        guide("Bulk put: prerequisites"),
    ),
    FurtherFact(
        "A bulk put ends COMPLETED_WITH_ERRORS when an item was not valid, and botocore's waiter calls that a success.",
        "it is followed by its description, and such an end is never a PASS",
        model("BulkOperationStatus; waiters of botocore 1.44"),
    ),
    FurtherFact(
        "What a bulk put, a filtered export and the keys under a projection look like in files is not known.",
        "filtered exports are refused, and bulk puts are proved by the comparison alone",
        _believed("no page of AWS could be read, and no file seen"),
    ),
)
