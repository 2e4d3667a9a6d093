"""Replies as they go over the wire: JSON 1.0 with the checksum botocore verifies, and AWS's errors."""

from __future__ import annotations

import json
import secrets
import zlib
from dataclasses import dataclass
from typing import Any

_SHAPES = "com.amazonaws.dynamodb.v20120810#"


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold one HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class AwsError(Exception):
    """An error to answer with, under AWS's name for it; `extra` are further members of its shape."""

    def __init__(self, code: str, message: str, status: int = 400, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.extra = extra


def invalid(message: str) -> AwsError:
    """Return a ValidationException."""
    return AwsError("ValidationException", message)


def dynamodb_reply(body: bytes, status: int = 200) -> Reply:
    """Wrap a JSON body as DynamoDB does."""
    return Reply(
        status,
        (
            ("Content-Type", "application/x-amz-json-1.0"),
            ("x-amzn-RequestId", secrets.token_hex(26).upper()),
            ("x-amz-crc32", str(zlib.crc32(body))),
        ),
        body,
    )


def dynamodb_error(error: AwsError) -> Reply:
    """Turn an error into DynamoDB's reply for it."""
    body = {"__type": _SHAPES + error.code, "message": str(error), **error.extra}
    return dynamodb_reply(dumps(body), error.status)


def s3_error(error: AwsError) -> Reply:
    """Turn an error into S3's reply for it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{error}</Message><RequestId>SANDBOX</RequestId></Error>"
    )
    return Reply(error.status, (("Content-Type", "application/xml"),), body.encode("utf-8"))


def dumps(value: Any) -> bytes:
    """Encode compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
