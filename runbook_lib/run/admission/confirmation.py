"""The target, spelled by a person before anything is written."""

from __future__ import annotations

from typing import NamedTuple

from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError


class Doing(NamedTuple):
    """What the target is spelled for, as a refusal says it."""

    past: str
    present: str


WRITING, REMOVING = Doing("written", "writing"), Doing("removed", "removing")


def as_typed(typed: str) -> str:
    """What was typed, as a refusal quotes it."""
    return repr(typed) if typed else "nothing"


def file_confirms(config: Migration, clients: Clients) -> bool:
    """Whether the migration file spells the account and region that would be written."""
    return config.confirm_target == f"{clients.target_identity.account}/{clients.target_identity.region}"


def check_confirmation(confirmation: str, clients: Clients, doing: Doing = WRITING) -> None:
    """Raise ConfigError unless the text spells the account and region that would be written."""
    who = clients.target_identity
    expected = f"{who.account}/{who.region}"
    if confirmation != expected:
        raise ConfigError(
            f"confirm_target: expected {expected!r}, which is the target these credentials reach, found "
            f"{as_typed(confirmation)}; nothing was {doing.past}. Write it into the migration file, or type it into "
            f"the notebook's form, to allow {doing.present}"
        )
