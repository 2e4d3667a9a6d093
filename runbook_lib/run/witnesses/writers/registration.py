"""What a run knows of its entries in the register of a table, and where that register is."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.s3.objects import read_object
from runbook_lib.aws.session.granted_calls import registrar
from runbook_lib.errors import TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.run import Run

PLACE = re.compile(r"s3://([a-z0-9.-]{3,63})/([A-Za-z0-9 +=._:/@-]+)")
LONGEST_TAG, LONGEST_ENTRY = 256, 4_096


class NoRegister(TransferError):
    """This run's own bucket cannot hold a register."""


class WriterStanding(StrEnum):
    """What became of a run's entry; only ENTERED lets a cleanup of items and tables begin."""

    BEGUN = "begun"
    ENTERED = "entered"
    NOT_ENTERED = "not entered"


@dataclass(slots=True)
class Registration:
    """What a run knows of its entries for one table; `entries` are [bucket, key], `why` says why it is not entered.

    `others` are the runs that were last seen beside it, `before` those that were at its last pre-flight before it
    entered itself, or just before that, and `since` those that have entered after it, of whom what they wrote is not
    this run's to replace or to delete; so is that of those that stood there before and have begun to write `again`, by
    their numbers of starts (`starts_before`). `met` are those of them that came while it loaded the table. `writing`
    has the others that had begun to write and had not ended when it was last looked, each with its mark. `intended` are
    [bucket, key, token] of what it was about to create and may have created.
    """

    nonce: str
    standing: WriterStanding = WriterStanding.BEGUN
    place: str | None = None
    entries: list[list[str]] = field(default_factory=list)
    others: list[str] | None = None
    why: str | None = None
    before: list[str] | None = late()
    met: list[str] | None = late()
    writing: dict[str, str] | None = late()
    starts_before: dict[str, int] | None = late()
    again: list[str] | None = late()
    intended: list[list[str]] | None = late()

    @property
    def since(self) -> list[str]:
        return sorted({*(self.others or ())} - ({*(self.before or ())} - {*(self.again or ())}))


REGISTRATIONS = Topic("register", Registration)


def registration(run: Run, source: str) -> Registration | None:
    """What this run knows of its entries for a table; None if it has begun none."""
    return REGISTRATIONS.of(run.ledger, source)


def known_at(run: Run, source: str, place: str) -> Registration:
    """What this run knows of its own objects, to look for others in a register where it may stand in no way yet."""
    known = registration(run, source) or Registration("")
    return Registration(known.nonce, place=place, entries=[*known.entries], intended=known.intended)


def begin_registration(run: Run, source: str) -> None:
    """Note, before it is entered anywhere, what tells this run's entries from others of its name."""
    if registration(run, source) is None:
        REGISTRATIONS.record(run.ledger, source, Registration(secrets.token_hex(16)))


def own_register(run: Run) -> str:
    """The register in this run's own bucket."""
    staging = run.config.target_staging
    return f"s3://{'/'.join(filter(None, [staging.bucket, staging.prefix, 'register']))}"


def entries_folder(run: Run, pair: Pair, place: str) -> tuple[str, str]:
    """Bucket and folder of a target's entries in a register; raises TransferError for a place that is none."""
    found = PLACE.fullmatch(place)
    if found is None or len(place) > LONGEST_TAG:
        raise NoRegister(f"{place} cannot be named in the tag {REGISTER_TAG} as the place of a register")
    region, account = run.clients.target_identity.place
    return found[1], f"{found[2].strip('/')}/{account}.{region}/{pair.target}/"


def register_bucket(known: Registration) -> str:
    """The bucket of the register where a run stands."""
    return str(known.place).removeprefix("s3://").partition("/")[0]


def registrar_at(run: Run, place: str) -> Any:
    """The client for a register; one for all tables."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return run.granted.client(f"register {place}", lambda: registrar(run.clients, bucket, prefix.strip("/") + "/"))


def read_entry(run: Run, bucket: str, key: str) -> dict[str, Any]:
    """What an entry says; whatever is no entry is none of this run's."""
    try:
        said = json.loads(read_object(run.clients.staging, bucket, key, LONGEST_ENTRY) or b"{}")
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {}


def is_own_entry(run: Run, known: Registration, bucket: str, key: str) -> bool:
    """Whether an entry says what this run has written, and not what another of its name has."""
    return read_entry(run, bucket, key).get("nonce") == known.nonce
