"""The suite's clients touch what is called as its own asking is, and refuse everything else before it is sent."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.conformance_calls import ON_OWN_OBJECTS, ON_OWN_TABLES, READS_WITHOUT_A_NAME, OwnNames
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.errors import ForbiddenCall
from tools.allowed_calls_page import PAGE, conformance_section

NAMES = OwnNames("staging", "0a1b2c3d")
OWN, OTHER = "runbook-conformance-0a1b2c3d-plain", "runbook-conformance-ffffffff-plain"
ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/"
FOLDER = "runbook-conformance-0a1b2c3d/"
BATCHES: dict[str, Any] = {"BatchWriteItem": [], "BatchGetItem": {}}


class Sent(Exception):
    """The guard let a call through."""


def stop(**_: Any) -> None:
    raise Sent


@pytest.fixture
def session() -> botocore.session.Session:
    made = botocore.session.Session()
    guard = Guard("conformance", READS_WITHOUT_A_NAME, Calls(), NAMES.grants(own_bucket=False), NAMES.forms())
    guard.attach(made.get_component("event_emitter"))
    made.register("before-send.*.*", stop)
    made.set_credentials("x", "x")
    return made


def call(session: botocore.session.Session, service: str, operation: str, **params: Any) -> None:
    config = Config(parameter_validation=False, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    client = session.create_client(service, region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=config)
    try:
        getattr(client, xform_name(operation))(**params)
    finally:
        client.close()


def on_tables(operation: str, table: str) -> dict[str, Any]:
    """Parameters that name a table in the way of the operation."""
    if operation in BATCHES:
        return {"RequestItems": {table: BATCHES[operation]}}
    if operation == "ImportTable":
        source = {"S3Bucket": "staging", "S3KeyPrefix": FOLDER}
        return {"TableCreationParameters": {"TableName": table}, "S3BucketSource": source}
    if operation == "StartBulkPutItems":
        place = {"S3Bucket": "staging", "S3KeyPrefix": FOLDER}
        return {"TableName": table, "InputS3Configuration": place, "OutputS3Configuration": place}
    ways = {
        "DescribeExport": {"ExportArn": f"{ARN}{table}/export/01-ab"},
        "DescribeImport": {"ImportArn": f"{ARN}{table}/import/01-ab"},
        "DescribeStream": {"StreamArn": f"{ARN}{table}/stream/2026"},
        "GetShardIterator": {"StreamArn": f"{ARN}{table}/stream/2026"},
        "ExportTableToPointInTime": {"TableArn": ARN + table, "S3Bucket": "staging", "S3Prefix": FOLDER + "x"},
        "ListExports": {"TableArn": ARN + table},
        "ListImports": {"TableArn": ARN + table},
        "ListTagsOfResource": {"ResourceArn": ARN + table},
        "TagResource": {"ResourceArn": ARN + table},
        "UntagResource": {"ResourceArn": ARN + table},
        "GetResourcePolicy": {"ResourceArn": ARN + table},
    }
    return ways.get(operation, {"TableName": table})


@pytest.mark.parametrize("name", sorted(ON_OWN_TABLES))
def test_an_operation_on_tables_is_let_through_for_its_own_and_for_no_other(
    session: botocore.session.Session, name: str
) -> None:
    service, operation = name.split(":")
    with pytest.raises(Sent):
        call(session, service, operation, **on_tables(operation, OWN))
    for other in (OTHER, "users", f"{ARN}{OWN}", "runbook-conformance-0a1b2c3", ""):
        with pytest.raises(ForbiddenCall):
            call(session, service, operation, **on_tables(operation, other))


@pytest.mark.parametrize("operation", BATCHES)
def test_a_batch_with_one_other_table_is_refused(session: botocore.session.Session, operation: str) -> None:
    with pytest.raises(ForbiddenCall):
        call(session, "dynamodb", operation, RequestItems=dict.fromkeys((OWN, "users"), BATCHES[operation]))


@pytest.mark.parametrize("name", sorted(ON_OWN_OBJECTS))
def test_an_object_is_touched_under_its_own_folder_of_the_bucket_alone(
    session: botocore.session.Session, name: str
) -> None:
    operation = name.split(":")[1]

    def params(key: str, bucket: str = "staging") -> dict[str, Any]:
        if operation == "DeleteObjects":
            return {"Bucket": bucket, "Delete": {"Objects": [{"Key": FOLDER + "a"}, {"Key": key}]}}
        return {"Bucket": bucket, "Prefix" if operation == "ListObjectsV2" else "Key": key}

    with pytest.raises(Sent):
        call(session, "s3", operation, **params(FOLDER + "x"))
    for key, bucket in (("exports/x", "staging"), ("", "staging"), (FOLDER + "x", "others")):
        with pytest.raises(ForbiddenCall):
            call(session, "s3", operation, **params(key, bucket))


@pytest.mark.parametrize(
    "change",
    [{"S3Bucket": "others"}, {"S3Prefix": "exports"}, {"S3Prefix": None}, {"S3Bucket": None}, {"S3Prefix": ""}],
)
def test_an_export_goes_into_its_own_folder_or_nowhere(
    session: botocore.session.Session, change: dict[str, Any]
) -> None:
    params = on_tables("ExportTableToPointInTime", OWN) | change
    with pytest.raises(ForbiddenCall):
        call(session, "dynamodb", "ExportTableToPointInTime", **{k: v for k, v in params.items() if v is not None})


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "UpdateItem"), ("dynamodb", "TransactWriteItems"), ("dynamodb", "ExecuteStatement"),
        ("dynamodb", "DeleteBackup"), ("dynamodb", "PutResourcePolicy"), ("s3", "DeleteBucket"), ("s3", "CreateBucket"),
        ("s3", "ListBuckets"), ("s3", "PutBucketPolicy"), ("iam", "CreateUser"), ("sts", "AssumeRole"),
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused(session: botocore.session.Session, service: str, operation: str) -> None:
    with pytest.raises(ForbiddenCall):
        call(session, service, operation, TableName=OWN, Bucket="staging")


def test_the_page_names_each_call_of_these_clients() -> None:
    assert conformance_section() in PAGE.read_text(encoding="utf-8"), "python -m tools.allowed_calls_page"
    assert all(f"`{call}`" in conformance_section() for call in (*ON_OWN_TABLES, *ON_OWN_OBJECTS))
