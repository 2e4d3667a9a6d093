"""What AWS still does with a table, which has to end before the table is removed, and what it remembers of it."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.dynamodb.bulk_put import OPERATIONS_AT_ONCE
from runbook_lib.aws.dynamodb.exports import EXPORTS_AT_ONCE
from runbook_lib.aws.outcome import FAILURES, code_of, is_unknown
from runbook_lib.aws.pages import pages, whole

_BULK_PUT_RUNS = frozenset({"IN_PROGRESS", "CANCELLING"})
_GONE = frozenset({"ResourceNotFoundException", "TableNotFoundException"})


def no_bulk_put_runs(client: Any, names: frozenset[str]) -> bool:
    """Whether no bulk put into one of these tables runs; it would go on writing its output."""

    def read(size: int) -> list[str]:
        answers = pages(client.list_bulk_operations, MaxResults=size)
        found = [one for page in answers for one in page["BulkOperationsSummaryList"]]
        return [str(one["BulkOperationArn"]) for one in found if one["BulkOperationStatus"] in _BULK_PUT_RUNS]

    try:
        arns = whole(read, OPERATIONS_AT_ONCE)
        described = [client.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"] for arn in arns]
    except FAILURES as error:
        if _is_missing(error):
            return True
        raise
    tables = {str(table.get("TableName")).rpartition("/")[2] for one in described for table in one["TableDetails"]}
    return not tables & names


def unrest_of(client: Any, name: str) -> str:
    """What still runs on a table; empty where nothing does, or where it is gone."""
    try:
        table = client.describe_table(TableName=name)["Table"]
        if table["TableStatus"] == "DELETING":
            return ""
        if table["TableStatus"] != "ACTIVE":
            return str(table["TableStatus"])
        return "an export runs" if _running(client, str(table["TableArn"])) else ""
    except FAILURES as error:
        if code_of(error) not in _GONE:
            raise
        return ""


def remembered_by_aws(client: Any, name: str) -> list[str]:
    """The exports of a table, and the import that made it: AWS remembers them for 90 days, and takes none away."""
    try:
        arn = str(client.describe_table(TableName=name)["Table"]["TableArn"])
        imports = client.list_imports(TableArn=arn)["ImportSummaryList"]
    except FAILURES as error:
        if code_of(error) not in _GONE and not _is_missing(error):
            raise
        return []
    where = f"{name} in {client.meta.region_name}"
    found = [f"export {one.rpartition('/')[2]} of {where}" for one, _ in _exports(client, arn)]
    return found + [f"import {str(one['ImportArn']).rpartition('/')[2]} of {where}" for one in imports]


def _exports(client: Any, arn: str) -> list[tuple[str, str]]:
    """The ARN and the status of each export of a table, as listed."""

    def read(size: int) -> list[tuple[str, str]]:
        answers = pages(client.list_exports, TableArn=arn, MaxResults=size)
        return [
            (str(one["ExportArn"]), str(one["ExportStatus"])) for page in answers for one in page["ExportSummaries"]
        ]

    try:
        return whole(read, EXPORTS_AT_ONCE)
    except FAILURES as error:
        if is_unknown(error):
            return []
        raise


def _running(client: Any, arn: str) -> list[str]:
    arns = [arn for arn, status in _exports(client, arn) if status == "IN_PROGRESS"]
    # A list may say so long after it is over; the description is of now.
    described = ((arn, client.describe_export(ExportArn=arn)["ExportDescription"]) for arn in arns)
    return [arn for arn, found in described if found["ExportStatus"] == "IN_PROGRESS"]


def _is_missing(error: Exception) -> bool:
    """Whether a server does not have an operation; moto says 500 of one, and AWS names its errors."""
    return is_unknown(error) or code_of(error) == "500"
