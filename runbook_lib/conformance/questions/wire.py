"""What every answer has: its headers, its error's name, its clock; and where AWS is asked."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from runbook_lib.aws.endpoints import endpoint_of
from runbook_lib.aws.outcome import FAILURES
from runbook_lib.conformance.question import Area, Evidence, Need, Source, guide, model, question
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot


def headers_of(subject: Subject) -> dict[str, str]:
    answer = subject.ddb.describe_table(TableName=subject.table())
    return {name.lower(): value for name, value in answer["ResponseMetadata"]["HTTPHeaders"].items()}


def refused_description(subject: Subject) -> Any:
    try:
        subject.ddb.describe_table(TableName=subject.names.table("never-made"))
    except FAILURES as error:
        return error
    raise ValueError("a table that was never made was described")


@question(
    Area.WIRE,
    expect=True,
    relied_on="an answer that was damaged on the way is noticed",
    source=guide("Low-level API: response headers"),
)
def answer_has_a_checksum(subject: Subject) -> bool:
    """Has an answer the CRC of its body in x-amz-crc32?"""
    return re.fullmatch(r"\d+", headers_of(subject)["x-amz-crc32"]) is not None


@question(
    Area.WIRE,
    expect=True,
    relied_on="what AWS's support asks for stands in the report",
    source=guide("Low-level API: response headers"),
)
def answer_has_a_request_id(subject: Subject) -> bool:
    """Has an answer an id in x-amzn-RequestId?"""
    return len(headers_of(subject)["x-amzn-requestid"]) >= 32


@question(
    Area.WIRE,
    expect=True,
    relied_on="a clock that is wrong is told before AWS refuses its signatures",
    source=Source(Evidence.PAGE, "IAM User Guide, Signature Version 4: within 5 minutes of the server's time"),
)
def clocks_agree(subject: Subject) -> bool:
    """Is the server's clock within five minutes of ours?"""
    told = headers_of(subject).get("date")
    if told is None:
        raise CannotAsk(WhyNot.NOT_DONE_HERE, "its answers have no Date")
    ahead = parsedate_to_datetime(told).timestamp() - subject.clock()
    subject.durations["clock: the server's, ahead of ours by seconds"] = ahead
    return abs(ahead) < 300


@question(
    Area.WIRE,
    expect=("ResourceNotFoundException", 400),
    relied_on="errors are told apart by their names, whatever their words",
    source=guide("Error handling: HTTP status code 400"),
)
def error_has_its_name(subject: Subject) -> tuple[str, int]:
    """Has an error its name and the status 400?"""
    said = refused_description(subject).response
    return str(said["Error"]["Code"]), int(said["ResponseMetadata"]["HTTPStatusCode"])


@question(
    Area.WIRE,
    expect=True,
    relied_on="with account-based endpoints a request goes to the account's own name",
    source=model("endpoint rule set: AccountIdEndpointMode"),
    needs=(Need.AWS,),
)
def account_based_endpoint(subject: Subject) -> bool:
    """Does a request for a table go to the account's own endpoint or to the region's, and is it answered there?"""
    subject.ddb.describe_table(TableName=subject.table())
    host = urlsplit(endpoint_of(subject.ddb, "DescribeTable")).hostname or ""
    return re.fullmatch(rf"(\d{{12}}\.ddb|dynamodb)\.{subject.ddb.meta.region_name}\..+", host) is not None
