"""Clients of `runbook conformance`: two regions and a bucket, held to the names of one asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from runbook_lib.aws.endpoints import CONFIG, client_of, is_aws, s3_client
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.conformance_calls import READS_WITHOUT_A_NAME, OwnNames
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.guard.sent_bytes import SentBytes
from runbook_lib.aws.session.identity import Identity, identify, session_of
from runbook_lib.config.moving.places import Side

SIDE = "conformance"
# What botocore would refuse by itself is sent: the question is what the server says.
_AS_SENT = Config(parameter_validation=False, read_timeout=60, connect_timeout=5)
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})  # an engine is asked, not waited for
_MADE_UP = ("111122223333", "made-up-for-conformance")


@dataclass(frozen=True, slots=True)
class OwnClients:
    """Whom the suite asks; every client refuses what is not of its own names before anything is sent."""

    dynamodb: Any
    other: Any
    streams: Any
    s3: Any
    calls: Calls
    names: OwnNames
    session: boto3.Session
    sent: SentBytes

    def identity(self, endpoint: str | None) -> Identity:
        return identify(SIDE, self.session, self.dynamodb, endpoint)

    @property
    def is_aws(self) -> bool:
        return is_aws(self.dynamodb.meta.endpoint_url)


def own_clients(
    names: OwnNames, regions: tuple[str, str], *, profile: str | None, endpoint: str | None, engine: bool
) -> OwnClients:
    """Clients of an account or, with made-up credentials that AWS would refuse, of an engine on this machine."""
    calls = Calls()
    guard = Guard(SIDE, READS_WITHOUT_A_NAME, calls, names.grants(own_bucket=engine), names.forms())
    one, two = (_session(guard, region, profile, endpoint, engine) for region in regions)
    sent = SentBytes()
    for session in (one, two):
        sent.attach(session.events)
    config = CONFIG.merge(_AS_SENT.merge(_ONCE) if engine else _AS_SENT)
    return OwnClients(
        dynamodb=client_of(one, "dynamodb", endpoint, config),
        other=client_of(two, "dynamodb", endpoint, config),
        streams=client_of(one, "dynamodbstreams", endpoint, config),
        s3=s3_client(one, endpoint, config),
        calls=calls,
        names=names,
        session=one,
        sent=sent,
    )


def _session(guard: Guard, region: str, profile: str | None, endpoint: str | None, engine: bool) -> boto3.Session:
    if not engine:
        return session_of(Side(region=region, profile=profile, endpoint_url=endpoint), guard)
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    guard.attach(core.get_component("event_emitter"))
    core.set_credentials(*_MADE_UP)
    return boto3.Session(botocore_session=core, region_name=region)
