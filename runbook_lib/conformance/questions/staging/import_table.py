"""ImportTable: what it counts, what it refuses, and what its token is worth."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

from runbook_lib.aws.outcome import FAILURES, is_unknown, outcome_of
from runbook_lib.conformance.fixtures import keyed
from runbook_lib.conformance.question import Area, Need, api, guide, measured_by_others, question
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

_LONG = (Need.BUCKET, Need.LONG)
_TESTS = "test_import.py, pull request 31619"
_COUNTS = "an import is proved by its counts and, item by item, by the comparison"
_ATTEMPTS = 5  # at catching an import while it runs; AWS takes minutes for each
_GOOD = [{"Item": {"id": {"S": f"i{n}"}, "v": {"N": str(n)}}} for n in range(3)]


def folder(subject: Subject, what: str) -> str:
    return f"{subject.names.folder}import-{what}"


def wanted(subject: Subject, what: str, **more: Any) -> dict[str, Any]:
    """The parameters of an import of an own folder into an own table that is made by it."""
    return {
        "S3BucketSource": {"S3Bucket": subject.bucket, "S3KeyPrefix": f"{folder(subject, what)}/"},
        "InputFormat": "DYNAMODB_JSON",
        "InputCompressionType": "GZIP",
        "TableCreationParameters": {
            "TableName": subject.names.table(f"imported-{what}"),
            "BillingMode": "PAY_PER_REQUEST",
        }
        | keyed("id:S"),
        "ClientToken": f"{subject.names.id}-{what}",
    } | more


def imported(subject: Subject, what: str, *lines: str) -> dict[str, Any]:
    """What DescribeImport says of an import that is over, of a file with these lines, made once."""
    if f"import {what}" not in subject.made:
        if lines:
            put_lines(subject, what, lines)
        arn = subject.ddb.import_table(**wanted(subject, what))["ImportTableDescription"]["ImportArn"]
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(subject.ddb.describe_import(ImportArn=arn)["ImportTableDescription"])
            return bool(found["ImportStatus"] not in ("IN_PROGRESS", "CANCELLING"))

        took = subject.wait(over, f"the import {what!r}", subject.export_patience)
        subject.durations[f"import {what}, seconds"] = took
        subject.made[f"import {what}"] = found
    made: dict[str, Any] = subject.made[f"import {what}"]
    return made


def put_lines(subject: Subject, what: str, lines: Sequence[str]) -> None:
    """The file that an import reads."""
    body = gzip.compress("\n".join(lines).encode(), mtime=0)
    subject.s3.put_object(Bucket=subject.bucket, Key=f"{folder(subject, what)}/data.json.gz", Body=body)


def in_lines(items: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(item) for item in items]


def good_import(subject: Subject) -> dict[str, Any]:
    return imported(subject, "good", *in_lines(_GOOD))


@question(
    Area.IMPORT,
    expect=("COMPLETED", 3, 3, 0),
    relied_on=_COUNTS,
    source=api("ImportTableDescription"),
    needs=_LONG,
)
def import_of_three_items(subject: Subject) -> tuple[str | int, ...]:
    """Does an import of three items end COMPLETED, with three processed, three imported and no error?"""
    found = good_import(subject)
    counts = ("ProcessedItemCount", "ImportedItemCount", "ErrorCount")
    return (str(found["ImportStatus"]), *(int(found[name]) for name in counts))


@question(
    Area.IMPORT,
    expect=("FAILED", "ItemValidationError", 1, True),
    relied_on="a bad line never goes by unnoticed",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_with_a_bad_item(subject: Subject) -> tuple[str | int | bool, ...]:
    """Does an import with one item without its key end FAILED, with one error, and is the table kept?"""
    found = imported(subject, "bad", *in_lines([*_GOOD[:2], {"Item": {"v": {"S": "no key"}}}]))
    table = outcome_of(subject.ddb.describe_table, TableName=subject.names.table("imported-bad"))
    return str(found["ImportStatus"]), str(found.get("FailureCode")), int(found["ErrorCount"]), table == "accepted"


@question(
    Area.IMPORT,
    expect=("COMPLETED", 3, 3, 2),
    relied_on="items of one key are counted as often as they come; the comparison tells the rest",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_with_one_key_twice(subject: Subject) -> tuple[str | int, ...]:
    """Is an item that comes twice processed twice, imported twice, and there once?"""
    found = imported(subject, "twice", *in_lines([_GOOD[0], _GOOD[0], _GOOD[1]]))
    page = subject.ddb.scan(TableName=subject.names.table("imported-twice"), ConsistentRead=True)
    counts = (int(found[name]) for name in ("ProcessedItemCount", "ImportedItemCount"))
    return (str(found["ImportStatus"]), *counts, int(page["Count"]))


@question(
    Area.IMPORT,
    expect=("COMPLETED", 3),
    relied_on="files end with a line break, and a blank line is no item",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_with_blank_lines(subject: Subject) -> tuple[str, int]:
    """Are blank lines passed over?"""
    first, *rest = in_lines(_GOOD)
    found = imported(subject, "blank", first, "", *rest, "", "")
    return str(found["ImportStatus"]), int(found["ProcessedItemCount"])


@question(
    Area.IMPORT,
    expect=("COMPLETED", 0),
    relied_on="an import from the wrong folder looks like a success: the counts are held to the manifest's",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_of_an_empty_folder(subject: Subject) -> tuple[str, int]:
    """Does an import of a folder with nothing in it end COMPLETED, with an empty table?"""
    found = imported(subject, "nothing")
    return str(found["ImportStatus"]), int(found["ProcessedItemCount"])


@question(
    Area.IMPORT,
    expect="ResourceInUseException",
    relied_on="an import never adds to a table that is there",
    source=guide("Importing from S3: into a new table"),
    needs=(Need.BUCKET,),
)
def import_into_a_table_that_is_there(subject: Subject) -> str:
    """Is an import into a table refused that exists?"""
    request = wanted(subject, "there")
    request["TableCreationParameters"]["TableName"] = subject.table()
    return outcome_of(subject.ddb.import_table, **request)


@question(
    Area.IMPORT,
    expect="ResourceInUseException",
    relied_on="after its end an import is followed by its ARN: its token finds it no more",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_token_after_its_end(subject: Subject) -> str:
    """Is the same request with the same token refused once the import is over?"""
    good_import(subject)
    return outcome_of(subject.ddb.import_table, **wanted(subject, "good"))


@question(
    Area.IMPORT,
    expect=(True, True, "ImportConflictException"),
    relied_on="while an import runs its token gives that import: the folder in the answer is held to what was asked",
    source=measured_by_others(_TESTS),
    needs=_LONG,
)
def import_token_while_it_runs(subject: Subject) -> tuple[bool | str, ...]:
    """Does a running import's token give that import and its folder for another folder, and a conflict for a table?"""
    for attempt in range(_ATTEMPTS):
        what = f"runs-{attempt}"
        put_lines(subject, what, in_lines(_GOOD))
        request = wanted(subject, what)
        first = subject.ddb.import_table(**request)["ImportTableDescription"]
        elsewhere = {"S3BucketSource": wanted(subject, "elsewhere")["S3BucketSource"]}
        again = _answer_of(subject, request | elsewhere)
        other = request["TableCreationParameters"] | {"TableName": subject.names.table("imported-never")}
        said = outcome_of(subject.ddb.import_table, **request | {"TableCreationParameters": other})
        found = subject.ddb.describe_import(ImportArn=first["ImportArn"])["ImportTableDescription"]
        if found["ImportStatus"] != "IN_PROGRESS":
            continue  # it was over before all was asked
        same = again.get("ImportArn") == first["ImportArn"]
        return same, again.get("S3BucketSource") == request["S3BucketSource"], said
    raise CannotAsk(WhyNot.NOT_DONE_HERE, "each import was over before its token could be used again")


def _answer_of(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    """The import that an answer tells of; nothing where it was refused."""
    try:
        found: dict[str, Any] = subject.ddb.import_table(**request)["ImportTableDescription"]
    except FAILURES as error:
        if is_unknown(error):
            raise
        return {}
    return found


@question(
    Area.IMPORT,
    expect="ImportNotFoundException",
    relied_on="an import that AWS has forgotten is told from one that failed",
    source=api("DescribeImport, errors"),
)
def description_of_an_unknown_import(subject: Subject) -> str:
    """Is an import unknown that was never made?"""
    table = subject.ddb.describe_table(TableName=subject.table())["Table"]["TableArn"]
    return outcome_of(subject.ddb.describe_import, ImportArn=f"{table}/import/01700000000000-0a1b2c3d")


@question(
    Area.IMPORT,
    expect=True,
    relied_on="an import that runs is found by its table, also when its ARN was lost with the process",
    source=api("ListImports"),
    needs=_LONG,
)
def list_of_imports(subject: Subject) -> bool:
    """Does ListImports of a table have its import?"""
    found = good_import(subject)
    listed = subject.ddb.list_imports(TableArn=found["TableArn"])["ImportSummaryList"]
    return found["ImportArn"] in [one["ImportArn"] for one in listed]
