"""Objects written straight into moto's S3, without HTTP."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from runbook_lib.export_format.writer import Put
from runbook_lib.sandbox.emulator.replies import AwsError


def open_bucket(account: str, bucket: str) -> Put:
    """Return a `put` for a bucket; it raises AwsError S3NoSuchBucket, an export's failure code.

    A data file gets the ETag of a multipart upload of one part, as AWS's exporter leaves it.
    """

    def put(key: str, body: BinaryIO) -> None:
        content = body.read()
        etag = None
        if "/data/" in key:
            part = hashlib.md5(content, usedforsecurity=False).digest()
            etag = hashlib.md5(part, usedforsecurity=False).hexdigest() + "-1"
        try:
            s3_backends[account]["aws"].put_object(bucket, key, content, etag=etag, encryption="AES256")
        except MissingBucket as error:
            raise AwsError("S3NoSuchBucket", "The specified bucket does not exist") from error

    return put


def read_prefix(account: str, bucket: str, prefix: str) -> dict[str, bytes]:
    """Return the contents of all objects whose key begins with a prefix; AwsError S3NoSuchBucket without a bucket."""
    try:
        held = s3_backends[account]["aws"].get_bucket(bucket)
    except MissingBucket as error:
        raise AwsError("S3NoSuchBucket", "The specified bucket does not exist") from error
    return {key: found.value for key, found in sorted(held.keys.items()) if key.startswith(prefix)}
