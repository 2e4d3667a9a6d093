"""Requests are signed byte by byte as botocore signs them."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given

from runbook_lib.aws.transport.sigv4 import CONTENT_TYPE, Signer

WORDS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
URLS = st.sampled_from(
    [
        "https://dynamodb.us-east-2.amazonaws.com/",
        "https://dynamodb.us-east-2.amazonaws.com:443/",
        "http://127.0.0.1:8000/",
        "http://[::1]:8000/",
        "http://localhost:80/",
        "https://proxy.example/dynamodb/east 2/",
    ]
)


@given(
    url=URLS,
    access=WORDS,
    secret=WORDS,
    token=st.none() | WORDS,
    body=st.binary(max_size=200),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    region=st.sampled_from(["us-east-1", "eu-central-2"]),
)
def test_the_signature_is_botocores(
    url: str, access: str, secret: str, token: str | None, body: bytes, moment: datetime, region: str
) -> None:
    target = "DynamoDB_20120810.BatchWriteItem"
    credentials = Credentials(access, secret, token)
    request = AWSRequest(
        method="POST", url=url, data=body, headers={"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    )
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    with patch("botocore.auth.get_current_datetime", return_value=moment):
        SigV4Auth(credentials.get_frozen_credentials(), "dynamodb", region).add_auth(request)
    ours = Signer(url, region, credentials).headers(target, body, moment)
    assert {name: ours[name] for name in request.headers} == dict(request.headers.items())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example:443/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("http://[::1]:80/", "[::1]"),
    ],
)
def test_the_host_is_named_with_its_port_only_where_that_is_not_the_schemes_own(url: str, host: str) -> None:
    assert Signer(url, "us-east-1", Credentials("a", "b")).headers("T", b"")["Host"] == host
