"""Clients of other services that may read what is around the tables, and nothing else."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from runbook_lib.aws.endpoints import CONFIG, client_of, of_other_services
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.clients import Clients

# A machine that reaches DynamoDB alone, through an endpoint of its network, is not kept waiting for the others.
BRIEF = CONFIG.merge(
    Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=30, max_pool_connections=10)
)


def reading_client(clients: Clients, side: str, service: str, allowed: frozenset[str]) -> Any:
    """A client of one service as the identity of a side; `allowed` is all that it may be asked."""
    of_side = clients._config.source if side == "source" else clients._config.target
    session = clients._as_side(side, Guard(side, allowed, clients.calls))
    endpoint = of_side.endpoint_url
    if service != "dynamodb":
        endpoint = of_other_services(session, service, endpoint)
    return client_of(session, service, endpoint, BRIEF)
