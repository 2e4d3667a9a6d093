"""A key that KMS derives: the MAC of one fixed message, made with a key that never leaves KMS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.endpoints import client_of, of_other_services
from runbook_lib.aws.guard.allowed_calls import SOURCE, SOURCE_MACS
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.moving.places import Side
from runbook_lib.errors import ConfigError

# Changing either changes everybody's pseudonyms.
MESSAGE, ALGORITHM = b"runbook: the key of the pseudonyms, 1", "HMAC_SHA_256"


def mac_keys(clients: Clients, source: Side) -> Callable[[str], bytes]:
    """What gives the 32 bytes that stand for a KMS key, asked for as the source."""
    return partial(_derived, clients, source)


def mac_client(clients: Clients, source: Side, key: str) -> Any:
    """A client of KMS for the source that may make this one MAC."""
    form = {"kms:GenerateMac": lambda params: dict(params) == _asked(key)}
    guard = Guard("source", SOURCE, clients.calls, dict.fromkeys(SOURCE_MACS, frozenset({key})), form)
    session = clients._as_side("source", guard, key.split(":")[3] if key.startswith("arn:") else None)
    return client_of(session, "kms", of_other_services(session, "kms", source.endpoint_url))


def _asked(key: str) -> dict[str, Any]:
    return {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": ALGORITHM}


def _derived(clients: Clients, source: Side, key: str) -> bytes:
    """Raises ConfigError where KMS does not give it."""
    try:
        return bytes(mac_client(clients, source, key).generate_mac(**_asked(key))["Mac"])
    except (BotoCoreError, ClientError) as error:
        raise ConfigError(
            f"transform.mask.key: KMS should make a MAC with {key}, an HMAC_256 key that the source may use for "
            f"kms:GenerateMac, and did not: {error}"
        ) from None
