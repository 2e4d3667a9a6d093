"""What a call acts on: the tables and objects that its parameters name, each of which has to be granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PARTS = ("/import/", "/export/", "/stream/", "/index/")  # what may follow a table's name in an ARN
_ARNS = ("ImportArn", "ExportArn", "StreamArn", "ResourceArn", "TableArn")


def touched(params: Mapping[str, Any]) -> list[str | None]:
    """Every table, by its plain name or the one in an ARN, every object, as BUCKET/KEY, every key of KMS and every
    function.

    Of a listing its prefix.
    """
    if "Bucket" in params:
        return [f"{params['Bucket']}/{key}" for key in _keys_of(params)]
    if "TableCreationParameters" in params:
        return [str(params["TableCreationParameters"].get("TableName"))]
    for name in _ARNS:
        if name in params:
            return [plain_name(str(params[name]))]
    if "ResourceId" in params:
        return [_scaled_table(str(params["ResourceId"]))]
    if "KeyId" in params:
        return [str(params["KeyId"])]
    if "FunctionName" in params:
        return [str(params["FunctionName"])]
    if "RequestItems" in params:
        return list(params["RequestItems"])
    return [params.get("TableName")]


def _keys_of(params: Mapping[str, Any]) -> list[str]:
    if "Delete" in params:
        return [str(one["Key"]) for one in params["Delete"]["Objects"]]
    return [str(params.get("Key", params.get("Prefix", "")))]


def _scaled_table(resource: str) -> str:
    """The table of `table/NAME` or `table/NAME/index/INDEX`, as Application Auto Scaling calls them."""
    kind, _, rest = resource.partition("/")
    return rest.partition("/index/")[0] if kind == "table" else resource


def plain_name(name: str) -> str:
    """The plain name of a table that is given by it, or by an ARN of the table or of something of it."""
    if name.startswith("arn:"):
        name = name.partition(":table/")[2]
    for part in _PARTS:
        name = name.partition(part)[0]
    return name
