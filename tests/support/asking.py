"""Asking an engine on this machine: a subject with names of its own, and time that passes without waiting."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runbook_lib.aws.guard.conformance_calls import OwnNames
from runbook_lib.aws.session.own_clients import own_clients
from runbook_lib.conformance.subject import Subject

REGIONS = ("us-east-1", "us-east-2")
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class PassingTime:
    """A clock that the embedded AWS shares: what one lets pass, passes for both."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self._passed = endpoint, 0.0

    def now(self) -> float:
        return time.time() + self._passed

    def let_pass(self, seconds: float) -> None:
        self._passed += seconds
        body = json.dumps({"seconds": seconds}).encode()
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/clock", body, method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass


def subject_of(endpoint: str, passing: PassingTime | None = None, **how: Any) -> Subject:
    """A subject with a bucket of its own; `passing` is the embedded AWS's clock."""
    asking = secrets.token_hex(4)
    names = OwnNames(f"runbook-conformance-{asking}", asking)
    clients = own_clients(names, REGIONS, profile=None, endpoint=endpoint, engine=True)
    clients.s3.create_bucket(Bucket=names.bucket)
    if passing is not None:
        how |= {"clock": passing.now, "pass_time": passing.let_pass}
    return Subject(clients, **how)


@contextmanager
def fault(endpoint: str, **how: Any) -> Iterator[None]:
    """Let the embedded AWS misbehave for a while."""
    url = f"{endpoint}/_sandbox/faults"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(how).encode(), method="POST"), timeout=10):
        pass
    try:
        yield
    finally:
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10):
            pass
