"""Whether anything may have come of a call: each of its tries counts, not the last alone."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from runbook_lib.aws.outcome import FAILURES, Tries

DENIED, LIMIT = (400, "AccessDeniedException"), (400, "LimitExceededException")
Answer = tuple[int, str] | Exception


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


def tried(*answers: Answer) -> Tries:
    """What became of a bulk put whose tries are answered so, one by one."""
    client = boto3.client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(retries={"mode": "standard", "total_max_attempts": len(answers)}),
    )  # fmt: skip
    tries, left = Tries(client, "StartBulkPutItems"), iter(answers)

    def answer(request: Any, **_: Any) -> Any:
        said = next(left)
        if isinstance(said, Exception):
            raise said
        body = json.dumps({"__type": said[1]} if said[1] else {"BulkOperationDescription": {}}).encode()
        return AWSResponse(request.url, said[0], {}, Raw(body))

    client.meta.events.register_last("before-send.dynamodb.StartBulkPutItems", answer)
    place = {"S3Bucket": "b", "S3KeyPrefix": "x/"}
    with suppress(*FAILURES, ConnectionError):
        client.start_bulk_put_items(
            TableName="t", InputS3Configuration=place | {"InputFormat": "DYNAMODB_JSON"},
            OutputS3Configuration=place | {"OutputType": ["ERROR"]},
        )  # fmt: skip
    assert next(left, None) is None
    return tries


@pytest.mark.parametrize(
    ("answers", "is_certain"),
    [
        ([DENIED], True),
        ([(400, "ValidationException")], True),
        ([(400, "ResourceNotFoundException")], True),
        ([(400, "ResourceInUseException")], True),
        ([LIMIT, LIMIT], True),
        ([LIMIT, DENIED], True),
        ([(200, "")], False),
        ([(500, "InternalServerError"), DENIED], False),
        ([(503, "ServiceUnavailable"), LIMIT], False),
        ([ConnectionError("lost")], False),
        ([(403, "OfSomeProxy")], False),
        ([(408, "AccessDeniedException")], False),
        ([(400, "IdempotentParameterMismatchException")], False),
        ([(400, "TransactionInProgressException")], False),
    ],
)
@pytest.mark.few(4)
def test_only_refusals_by_aws_of_every_try_say_that_nothing_was_done(answers: list[Answer], is_certain: bool) -> None:
    assert tried(*answers).all_refused == is_certain


def test_nothing_comes_of_what_was_not_sent() -> None:
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    assert Tries(client, "StartBulkPutItems").all_refused
