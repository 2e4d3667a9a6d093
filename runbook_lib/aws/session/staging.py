"""Clients of the buckets: as whom each place is reached, and that the target's side cannot reach raw exports."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.endpoints import s3_client
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.identity import chain_of, session_of
from runbook_lib.config.model import Migration
from runbook_lib.config.moving.places import Staging


def staging_chain(config: Migration, target: Chain) -> Chain:
    """As whom what the target's side reads is reached: as the target, or as whoever the place names."""
    return _chain(config.target_staging, target)


def raw_chain(config: Migration, source: Chain, target: Chain) -> Chain:
    """As whom exports are reached: with a transform as the source, or as whoever the place names."""
    return _chain(config.staging, source if config.transform else target)


def staging_client(config: Migration, guard: Guard, chain: Chain) -> Any:
    """An S3 client for what the target's side reads."""
    return _client(config.target_staging, guard, chain)


def raw_client(config: Migration, guard: Guard, chain: Chain) -> Any:
    """An S3 client for the exports themselves."""
    return _client(config.staging, guard, chain)


def _chain(place: Staging, side: Chain) -> Chain:
    return chain_of(place, "staging") if place.has_identity else side


def _client(place: Staging, guard: Guard, chain: Chain) -> Any:
    return s3_client(session_of(place, guard, place.region, chain), place.endpoint_url)
