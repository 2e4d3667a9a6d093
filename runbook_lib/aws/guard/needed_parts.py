"""What an answer has to hold for anything to be built on it: without that it is no answer, and the call has failed.

A gateway or another engine can answer a call with 200 and nothing in it. Whoever asks is ready for a call that fails,
names what it asked about and lets the others go on; it is not ready for a member that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

EACH = "[]"  # of the entries of a list
NEEDED: Mapping[str, tuple[str, ...]] = {
    "dynamodb:DescribeBulkOperation": ("BulkOperationDescription",),
    "dynamodb:DescribeContinuousBackups": ("ContinuousBackupsDescription",),
    "dynamodb:DescribeExport": ("ExportDescription",),
    "dynamodb:DescribeImport": ("ImportTableDescription",),
    "dynamodb:DescribeTable": ("Table",),
    "dynamodb:ExportTableToPointInTime": ("ExportDescription", "ExportDescription.ExportArn"),
    "dynamodb:ImportTable": ("ImportTableDescription", "ImportTableDescription.ImportArn",
                             "ImportTableDescription.TableArn"),
    "dynamodb:ListBulkOperations": ("BulkOperationsSummaryList[].BulkOperationArn",
                                    "BulkOperationsSummaryList[].StartTime"),
    "dynamodb:ListExports": ("ExportSummaries[].ExportArn",),
    "dynamodb:ListImports": ("ImportSummaryList[].ImportArn",),
    "dynamodb:ListTables": ("TableNames",),
    "dynamodb:ListTagsOfResource": ("Tags",),
    "dynamodb:Scan": ("Count",),
    "dynamodb:StartBulkPutItems": ("BulkOperationDescription", "BulkOperationDescription.BulkOperationArn"),
    "kms:GenerateMac": ("Mac",),
    "sts:GetCallerIdentity": ("Account", "Arn"),
}  # fmt: skip


class PartMissing(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """An answer without something that every answer of its kind has; one of botocore's errors, as others of a call."""

    fmt = (
        "{operation} was answered without {part}, which every answer of AWS has; nothing was concluded from it. Run "
        "again; if it stays, the server or a proxy is broken"
    )


def refuse_without_parts(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """A handler of botocore's `after-call`: raises PartMissing for an answer that lacks what is needed of it."""
    if http_response.status_code >= 300:
        return
    for part in NEEDED.get(f"{model.service_model.service_name}:{model.name}", ()):
        if any(found is None for found in _at(parsed, part)):
            raise PartMissing(operation=model.name, part=part)


def _at(held: Any, path: str) -> Iterator[Any]:
    """What lies at a path, None where nothing does; nothing of a list that is not there, which may be empty."""
    name, _, rest = path.partition(".")
    found = held.get(name.removesuffix(EACH)) if isinstance(held, dict) else None
    for each in (found or ()) if name.endswith(EACH) else (found,):
        if rest and each is not None:
            yield from _at(each, rest)
        else:
            yield each
