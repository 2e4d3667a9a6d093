"""The client that signs seals, or asks KMS about a signature: of one key, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.endpoints import CONFIG, client_of, of_other_services
from runbook_lib.aws.guard.allowed_calls import TARGET_SIGNS
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.guard.offline import refuse_network
from runbook_lib.aws.session.identity import session_of
from runbook_lib.aws.signing import SIGN, signing_form
from runbook_lib.config.model import Migration

WHO = "sts:GetCallerIdentity"
# The seal is in place; whoever waits for the end of a run does not wait long for its signature.
PATIENCE = CONFIG.merge(Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=20))


@dataclass(frozen=True, slots=True)
class SealSigner:
    """KMS, and as whom it is asked; None where STS does not tell."""

    kms: Any
    by: str | None


def seal_signer(config: Migration) -> SealSigner:
    """KMS for the key that a migration file names; raises ConfigError where there are no credentials."""
    refuse_network()
    wanted, target = config.sign, config.target
    assert wanted is not None

    grants = dict.fromkeys(TARGET_SIGNS, frozenset({wanted.kms}))
    guard = Guard("target", frozenset({WHO}), Calls(), grants, {SIGN: signing_form})
    own = wanted.profile is not None or wanted.role_arn is not None
    session = session_of(wanted if own else target, guard, region_of(config))
    endpoint = target.endpoint_url
    kms = client_of(session, "kms", of_other_services(session, "kms", endpoint), PATIENCE)
    return SealSigner(kms, _who(session, endpoint))


def region_of(config: Migration) -> str:
    """The region of the key: as its ARN says, else as the file does."""
    assert config.sign is not None
    parts = config.sign.kms.split(":")
    return parts[3] if len(parts) > 5 and parts[3] else config.sign.region or config.target.region


def _who(session: Any, endpoint: str | None) -> str | None:
    sts = client_of(session, "sts", of_other_services(session, "sts", endpoint), PATIENCE)
    try:
        return str(sts.get_caller_identity()["Arn"])
    except (ClientError, BotoCoreError, KeyError):
        return None
