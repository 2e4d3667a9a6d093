"""Unguarded clients of a sandbox, for seeding, sabotage and tests; never of AWS."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import boto3

from runbook_lib.errors import ForbiddenCall


def sandbox_client(service: str, endpoint: str, region: str) -> Any:
    """A plain boto3 client with made-up credentials; refuses an endpoint that is not on this machine."""
    host = urlsplit(endpoint).hostname or ""
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ForbiddenCall(f"expected a sandbox on this machine, found {endpoint}")
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
