"""Reading and writing S3 objects: whole small ones, and large ones as a stream that survives a break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from runbook_lib.aws.deadlines import Deadline
from runbook_lib.aws.pages import LISTED, pages, read_on, whole
from runbook_lib.errors import ConfigError, TransferError

BLOCK = 128 << 10  # more at once costs memory, which the C library keeps, for each file that is open
LEAST_BLOCK = 512
OBJECTS_AT_ONCE = (1000, 701)  # of ListObjectsV2
ATTEMPTS = 6  # without progress
OBJECT_SECONDS = 900.0  # of waiting for an object's bytes; longer only while enough of them arrive
AGAIN = frozenset({"ExpiredToken", "RequestTimeout", "SlowDown"})  # 5xx is asked for again too


def read_object(s3: Any, bucket: str, key: str, most: int) -> bytes | None:
    """A small object's bytes, or None if there is none; of a larger one no more than `most`."""
    content = bytearray()
    try:
        for block in stream_object(s3, bucket, key):
            content += block
            if len(content) >= most:
                break
    except MissingObject:
        return None
    return bytes(content[:most])


def first_bytes(s3: Any, bucket: str, key: str, most: int) -> bytes | None:
    """The beginning of an object, asked for once; None where it cannot be read."""
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{most - 1}")["Body"].read(most)
    except (ClientError, BotoCoreError, HTTPError, OSError):
        return None
    return body


class MissingObject(TransferError):
    """The object does not exist (or may not be read, which S3 does not tell apart)."""


def stream_object(
    s3: Any,
    bucket: str,
    key: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """An object's bytes in blocks; a broken stream goes on where it broke.

    Attempts without progress wear patience out, and so does waiting that brings too little for its time. Each of
    the former takes less at once: what had come of a block when the connection broke is lost. The continuation asks
    for the same ETag: an object replaced in mid-read is an error, never a mixture.
    """
    offset, etag, total = 0, None, None
    deadline = Deadline(OBJECT_SECONDS, clock)
    fruitless, block_size = 0, BLOCK
    while True:
        begun = offset
        try:
            answer = deadline.wait_for(partial(s3.get_object, Bucket=bucket, Key=key, **_rest(offset, etag)))
            _check_said(answer, bucket, key)
            total = offset + answer["ContentLength"] if total is None else total
            etag = answer["ETag"]
            while block := deadline.wait_for(partial(answer["Body"].read, block_size)):
                offset += len(block)
                deadline.received = offset
                yield block
            if offset == total:
                return
            broken = f"ended at byte {offset} of {total}"
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "404", "NoSuchBucket"):
                raise MissingObject(f"s3://{bucket}/{key} does not exist") from None
            if code == "InvalidRange" and error.response["Error"].get("ActualObjectSize") == str(offset):
                return  # an earlier answer said a wrong length; this one says that all of it has come
            if code in ("PreconditionFailed", "412"):
                raise TransferError(f"s3://{bucket}/{key} was replaced while it was read; export again") from None
            if code not in AGAIN and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise TransferError(f"s3://{bucket}/{key} cannot be read: {error}") from None
            broken = str(error)
        except (BotoCoreError, HTTPError, OSError) as error:
            broken = str(error)
        if offset > begun:
            fruitless = 0
        else:
            fruitless, block_size = fruitless + 1, max(LEAST_BLOCK, block_size // 4)
        if fruitless == ATTEMPTS:
            raise _lost(f"s3://{bucket}/{key} broke {ATTEMPTS} times at byte {offset}: {broken}")
        deadline.waited += 0.1 * 2**fruitless
        if deadline.is_over:
            raise _lost(
                f"s3://{bucket}/{key}: {offset:,} of {total or 0:,} bytes came in {deadline.waited:,.0f} s of waiting "
                f"for them, which is too slow to go on: {broken}"
            )
        sleep(0.1 * 2**fruitless)


def _lost(message: str) -> TransferError:
    lost = TransferError(message)
    lost.transient = True
    return lost


def _check_said(answer: Mapping[str, Any], bucket: str, key: str) -> None:
    """Raise TransferError for an answer that does not say how long its object is, or which one."""
    for member, header in (("ContentLength", "Content-Length"), ("ETag", "ETag")):
        if answer.get(member) in (None, ""):
            raise TransferError(
                f"s3://{bucket}/{key}: the answer should say its {header}, and does not; ask whoever runs the server "
                "or what stands before it"
            )


def _rest(offset: int, etag: str | None) -> dict[str, str]:
    if offset == 0 or etag is None:
        return {}
    return {"Range": f"bytes={offset}-", "IfMatch": etag}


def list_objects(s3: Any, bucket: str, prefix: str) -> list[tuple[str, str]]:
    """Key and ETag of everything under a prefix, read on after its last, and twice if long; errors are botocore's."""

    def entries(size: int, after: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
        start = {"StartAfter": after[0]} if after else {}
        for page in pages(s3.list_objects_v2, *LISTED, Bucket=bucket, Prefix=prefix, MaxKeys=size, **start):
            yield from ((str(found["Key"]), str(found["ETag"])) for found in page.get("Contents", ()))

    found = read_on(partial(entries, OBJECTS_AT_ONCE[0]))
    if len(found) < min(OBJECTS_AT_ONCE):  # pages of another size would end nowhere else
        return found
    return whole(lambda size: read_on(partial(entries, size)), OBJECTS_AT_ONCE)


def list_folder(s3: Any, bucket: str, prefix: str, reader: str) -> dict[str, str]:
    """The ETags of everything under a prefix, by key; the client must have been granted this very prefix.

    `reader` is what of AWS reads or has written there.
    """
    try:
        return dict(list_objects(s3, bucket, prefix))
    except (ClientError, BotoCoreError) as error:
        raise TransferError(
            f"what {reader} has in s3://{bucket}/{prefix} cannot be listed: {error}; allow s3:ListBucket, "
            "or set import.strategy to batch_write"
        ) from None


def put_object(s3: Any, bucket: str, key: str, body: BinaryIO, kms_key_id: str | None = None) -> None:
    """Store an object of at most 5 GB."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"s3://{bucket}/{key} cannot be written: {error}") from None


def check_bucket(s3: Any, bucket: str, region: str, owner: str | None) -> str | None:
    """None if the bucket is there, in this region and its owner's; else what was found instead."""
    expected = {"ExpectedBucketOwner": owner} if owner else {}
    try:
        answer = s3.head_bucket(Bucket=bucket, **expected)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return "no such bucket"
        return f"S3 answered {status}, which means no access, another owner or another region"
    except BotoCoreError as error:
        raise ConfigError(f"staging: S3 does not answer: {error}") from None
    found = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    return f"the bucket is in {found}" if found and found != region else None


def is_owned_by(s3: Any, bucket: str, account: str) -> bool:
    """Whether a bucket that may be looked at is an account's; raises ConfigError where S3 says neither."""
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
            return False
        raise ConfigError(f"staging: S3 does not say whose s3://{bucket} is: {error}") from None
    except BotoCoreError as error:
        raise ConfigError(f"staging: S3 does not say whose s3://{bucket} is: {error}") from None
    return True
