"""StartBulkPutItems: the newest way to fill a table, which only the embedded AWS has beside AWS."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import outcome_of
from runbook_lib.conformance.made.bulk_puts import MadeBulkPut, bulk_put, line_of, request_for_bulk_put, started
from runbook_lib.conformance.question import AnyOf, Area, Need, guide, model, question
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

_NEEDS = (Need.BUCKET, Need.LONG)
_COUNTS = "what is written is what was processed, less what failed and what a condition kept out"
_ONCE = "a run that was killed finds its operation again by its token, and starts no second one"
_TOKEN = model("StartBulkPutItems, ClientToken")


def bulk(subject: Subject, table: str, **more: Any) -> str:
    return outcome_of(subject.ddb.start_bulk_put_items, **request_for_bulk_put(subject, "refused", table) | more)


def good_bulk_put(subject: Subject) -> MadeBulkPut:
    return bulk_put(subject, "good", *(line_of(f"good-{n}") for n in range(3)))


def bad_bulk_put(subject: Subject) -> MadeBulkPut:
    """Of three items one has no key."""
    without_key = '{"Item":{"v":{"S":"no key"}}}'
    return bulk_put(subject, "bad", line_of("bad-0"), without_key, line_of("bad-2"))


@question(
    Area.BULK_PUT,
    expect="ResourceNotFoundException",
    relied_on="a bulk put goes into a table that is there",
    source=model("StartBulkPutItems, errors"),
    needs=_NEEDS,
)
def bulk_put_into_an_unknown_table(subject: Subject) -> str:
    """Is a bulk put into a table refused that does not exist?"""
    return bulk(subject, subject.names.table("never-made"))


@question(
    Area.BULK_PUT,
    expect="ValidationException",
    relied_on="import.max_wcu below 1,024 stands in a bulk put's way, and is told in the pre-flight",
    source=model("StartBulkPutItems, MaxWriteRequestUnits"),
    needs=_NEEDS,
)
def bulk_put_at_a_low_rate(subject: Subject) -> str:
    """Is a bulk put of less than 1,024 units a second refused?"""
    return bulk(subject, subject.table(), MaxWriteRequestUnits=1023)


@question(
    Area.BULK_PUT,
    expect=("COMPLETED", 3, 0, 3),
    relied_on=_COUNTS,
    source=model("BulkOperationDescription: BulkOperationStatus, ProcessedItemCount, FailedItemCount"),
    needs=_NEEDS,
)
def bulk_put_of_three_items(subject: Subject) -> tuple[str | int, ...]:
    """Does a bulk put of three items end COMPLETED, with three processed, none failed, and all three there?"""
    return _came_to(good_bulk_put(subject))


@question(
    Area.BULK_PUT,
    expect=(True, True, True, True),
    relied_on="the answer is held to what was asked: table, both places, format and compression",
    source=model("BulkOperationDescription: the configurations and the table of the start request"),
    needs=_NEEDS,
)
def description_of_a_bulk_put(subject: Subject) -> tuple[bool, ...]:
    """Are table, input, output and token of a bulk put described as they were asked for?"""
    made = good_bulk_put(subject)
    asked, said = made.request, made.description
    table = str(said["TableDetails"][0]["TableName"]).rpartition("/")[2]
    source, report = asked["InputS3Configuration"], asked["OutputS3Configuration"]
    return (
        table == asked["TableName"],
        all(said["InputS3Configuration"][name] == source[name] for name in source),
        all(said["OutputS3Configuration"][name] == report[name] for name in ("S3Bucket", "S3KeyPrefix")),
        said["ClientToken"] == asked["ClientToken"],
    )


@question(
    Area.BULK_PUT,
    expect=(True, True),
    relied_on=_ONCE,
    source=_TOKEN,
    needs=_NEEDS,
)
def bulk_put_token_while_it_runs(subject: Subject) -> tuple[bool, bool]:
    """Is the same request with the same token answered at once with the same operation, and written once?"""
    made = bulk_put(subject, "twice", line_of("twice-0"), requests=2)
    return made.arns[0] == made.arns[1], made.count("ProcessedItemCount") == 1


@question(
    Area.BULK_PUT,
    expect=True,
    relied_on=_ONCE,
    source=_TOKEN,
    needs=_NEEDS,
)
def bulk_put_token_after_its_end(subject: Subject) -> bool:
    """Is the same request with the same token answered with the same operation also once that is over?"""
    made = good_bulk_put(subject)
    return started(subject, made.request) == made.arns[0]


@question(
    Area.BULK_PUT,
    expect=("IdempotentParameterMismatchException", "IdempotentParameterMismatchException"),
    relied_on="a token never stands for another folder or another table",
    source=_TOKEN,
    needs=_NEEDS,
)
def bulk_put_token_for_something_else(subject: Subject) -> tuple[str, str]:
    """Is a token refused that was used before with another folder, and with another table?"""
    asked = good_bulk_put(subject).request
    elsewhere = request_for_bulk_put(subject, "elsewhere", asked["TableName"])["InputS3Configuration"]
    start = subject.ddb.start_bulk_put_items
    return (
        outcome_of(start, **asked | {"InputS3Configuration": elsewhere}),
        outcome_of(start, **asked | {"TableName": subject.table()}),
    )


@question(
    Area.BULK_PUT,
    expect=("COMPLETED_WITH_ERRORS", 3, 1, 2),
    relied_on=_COUNTS,
    source=model("BulkOperationDescription, FailedItemCount: parsing or validation errors, counted as processed too"),
    needs=_NEEDS,
)
def bulk_put_with_an_item_without_key(subject: Subject) -> tuple[str | int, ...]:
    """Of three items, one without its key: is that the only one that failed, and does it end COMPLETED_WITH_ERRORS?"""
    return _came_to(bad_bulk_put(subject))


@question(
    Area.BULK_PUT,
    expect=True,
    relied_on="why items failed is read from the output, and the clean-up finds it",
    source=model("OutputS3Configuration: OutputType ERROR, and S3KeyPrefix"),
    needs=_NEEDS,
)
def output_of_a_bulk_put(subject: Subject) -> bool:
    """Does an item that failed leave a report under the prefix that was asked for?"""
    return bool(subject.keys_under(bad_bulk_put(subject).request["OutputS3Configuration"]["S3KeyPrefix"]))


@question(
    Area.BULK_PUT,
    expect=AnyOf((("COMPLETED_WITH_ERRORS", True, "the rest is left"), ("COMPLETED_WITH_ERRORS", True, "all"))),
    relied_on="an object may be given up at a line that is no record: what was processed is held to the manifest",
    source=guide("Bulk put items, input formats: validation errors that stop an object"),
    needs=_NEEDS,
)
def bulk_put_with_a_broken_line(subject: Subject) -> tuple[str | bool, ...]:
    """Of three lines the second is no record: is a failure counted, and is what follows it read?"""
    made = bulk_put(subject, "broken", line_of("broken-0"), '{"Item":', line_of("broken-2"))
    rest = "all" if "broken-2" in made.written else "the rest is left"
    failed = made.count("FailedItemCount") > 0 and "broken-0" in made.written
    return str(made.description["BulkOperationStatus"]), failed, rest


@question(
    Area.BULK_PUT,
    expect=("COMPLETED", 4, 0),
    relied_on="what a condition kept out is in no count of its own: it is counted in the output",
    source=model("BulkOperationDescription: condition-check failures are processed, and do not count as failed"),
    needs=_NEEDS,
)
def bulk_put_whose_condition_fails(subject: Subject) -> tuple[str | int, ...]:
    """Are items that a condition kept out counted as processed, not as failed, and does it end COMPLETED?"""
    made = bulk_put(subject, "kept", *(line_of(f"kept-{n}") for n in range(4)))
    status, processed, failed, written = _came_to(made)
    if status == "COMPLETED" and written == processed:
        why = "how a line spells its condition could not be read in any document, and none failed by itself"
        raise CannotAsk(WhyNot.NOT_SPELLED, why)
    return status, processed, failed


@question(
    Area.BULK_PUT,
    expect=True,
    relied_on="an operation that runs is found by its list, also when its ARN was lost with the process",
    source=model("ListBulkOperations: the most recent first"),
    needs=_NEEDS,
)
def list_of_bulk_puts(subject: Subject) -> bool:
    """Does the first page of ListBulkOperations have a bulk put of a moment ago?"""
    arn = good_bulk_put(subject).arns[0]
    page = subject.ddb.list_bulk_operations(MaxResults=25)["BulkOperationsSummaryList"]
    return arn in [one["BulkOperationArn"] for one in page]


def _came_to(made: MadeBulkPut) -> tuple[str, int, int, int]:
    counts = (made.count(name) for name in ("ProcessedItemCount", "FailedItemCount"))
    processed, failed = counts
    return str(made.description["BulkOperationStatus"]), processed, failed, len(made.written)
