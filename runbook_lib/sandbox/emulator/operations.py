"""Which operations there are: those of AWS's own model that moto carries out or the sandbox serves itself."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore import xform_name
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler

from runbook_lib.sandbox.emulator.attached import ATTACHED_OPERATIONS

# What the sandbox answers itself.
OWN = frozenset(
    {
        "ExportTableToPointInTime", "DescribeExport", "ListExports", "ImportTable", "DescribeImport", "ListImports",
        "StartBulkPutItems", "DescribeBulkOperation", "ListBulkOperations",
        "CancelBulkOperation", *ATTACHED_OPERATIONS,
    }
)  # fmt: skip
_SERVICES = {"dynamodb": DynamoHandler, "dynamodbstreams": DynamoDBStreamsHandler}


def knows(target: str) -> bool:
    """Whether the X-Amz-Target of a request names an operation, under the name of its own service."""
    return target in _targets()


@cache
def _targets() -> frozenset[str]:
    found = set()
    for service, handler in _SERVICES.items():
        model = botocore.session.get_session().get_service_model(service)
        served = OWN if service == "dynamodb" else frozenset()
        prefix = model.metadata["targetPrefix"]
        found |= {f"{prefix}.{o}" for o in model.operation_names if o in served or hasattr(handler, xform_name(o))}
    return frozenset(found)
