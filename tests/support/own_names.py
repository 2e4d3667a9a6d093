"""What a proxy hears of `runbook conformance`: the names in each call, and what is left of them afterwards."""

from __future__ import annotations

import re
import zlib
from typing import Any
from urllib.parse import unquote

from tests.support.between import Asked, Said
from tests.support.world import World

OWN = "runbook-conformance-"
ARNS = {"TableArn", "ExportArn", "ImportArn", "StreamArn", "ResourceArn"}  # that of a bulk put names no table


def with_checksum(call: Asked, said: Said) -> Said:
    """The proxy leaves the checksum out, as what it passes on may be changed; here nothing is."""
    status, headers, body = said
    return status, [*headers, ("x-amz-crc32", str(zlib.crc32(body)))] if call.operation else headers, body


def named(call: Asked) -> list[str]:
    """Every name of a table or an object in a call, wherever it stands."""
    if not call.operation:
        key = unquote(call.path.partition("?")[0]).strip("/").partition("/")[2]
        prefix = re.search(r"[?&]prefix=([^&]*)", call.path)
        keys = re.findall(r"<Key>([^<]*)</Key>", call.body.decode("utf-8", "replace")) if "delete" in call.path else []
        return [name for name in (key, unquote(prefix[1]) if prefix else "", *keys) if name]
    body = call.json
    names = [str(body[n]).rpartition(":table/")[2] for n in body if n == "TableName" or n in ARNS]
    names += list(body.get("RequestItems", ()))
    names += [body[n]["S3KeyPrefix"] for n in body if n.startswith(("S3BucketSource", "InputS3", "OutputS3"))]
    names += [body["S3Prefix"]] if "S3Prefix" in body else []
    names += [body["TableCreationParameters"]["TableName"]] if "TableCreationParameters" in body else []
    return names


def left(world: World) -> list[str]:
    tables = [name for client in (world.source, world.target) for name in all_tables(client)]
    objects = [o["Key"] for o in world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", ())]
    return [name for name in (*tables, *objects) if name.startswith(OWN)]


def all_tables(client: Any) -> list[str]:
    return [name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]]
