"""Clients of the buckets: as whom each place is reached, and that the target's side cannot reach raw exports."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.endpoints import s3_client
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.identity import session_of
from runbook_lib.config.model import Migration
from runbook_lib.config.moving.places import Side, Staging


def staging_client(config: Migration, guard: Guard) -> Any:
    """An S3 client for what the target's side reads: as the target, or as whoever the place names."""
    return _client(config.target_staging, config.target, guard)


def raw_client(config: Migration, guard: Guard) -> Any:
    """An S3 client for the exports themselves: with a transform as the source, or as whoever the place names."""
    return _client(config.staging, config.source if config.transform else config.target, guard)


def _client(place: Staging, side: Side, guard: Guard) -> Any:
    session = session_of(place if place.has_identity else side, guard, place.region)
    return s3_client(session, place.endpoint_url)
