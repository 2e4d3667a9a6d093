"""The anchor of a seal: the digest of SHA256SUMS where who can write the folder cannot change it.

A seal shows what was changed since somebody sealed; who can write the folder can seal again. Under an Object Lock
of the staging bucket the digest of each seal stays as it was. Whether the bucket has a lock is a fact that is known,
and reported, before the seal; what became of the anchor is known after it and stands beside it. No verdict depends
on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from runbook_lib.atomic_files import write_atomically
from runbook_lib.aws.s3.anchors import Held, Lock, lock_of, put_anchor, read_anchor
from runbook_lib.aws.session.granted_calls import anchor_client
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, TransferError
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.facts.publication import ANCHOR, AnchorFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.unfinished import SUMS
from runbook_lib.timestamps import format_timestamp

BESIDE = f"{SUMS}.anchor"
WITHOUT = {
    Lock.NONE: "the bucket has no Object Lock, which would keep it as it is",
    Lock.NO_RETENTION: "the bucket has an Object Lock but no default retention, and the file no report.anchor_days",
}


class State(StrEnum):
    """What became of an anchor."""

    ANCHORED = "anchored"
    NOT_ANCHORED = "not anchored"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What stands in SHA256SUMS.anchor: where the digest of the seal lies, since when and held until when, or why not.

    `lock` and `until` are what S3 says of the very version; `at` is S3's time.
    """

    state: State
    bucket: str
    key: str
    sha256: str
    version_id: str | None = None
    at: str | None = None
    lock: str | None = None
    until: str | None = None
    why: str | None = None

    def __str__(self) -> str:
        where = f"s3://{self.bucket}/{self.key}"
        if self.state != State.ANCHORED:
            return f"the digest of {SUMS} is NOT ANCHORED at {where}: {self.why}"
        held = f"under Object Lock ({self.lock}) until {self.until}" if self.lock else f"NOT LOCKED: {self.why}"
        return f"the digest of {SUMS} is anchored at {where}, version {self.version_id or 'none'}, {held}"


def line(digest: str) -> bytes:
    """What an anchor holds: what `sha256sum SHA256SUMS` prints, so that `sha256sum -c` takes it."""
    return f"{digest}  {SUMS}\n".encode()


def prefix_of(config: Migration, run_id: str) -> str:
    """Where the anchors of a run's seals lie in the staging bucket."""
    return "/".join(filter(None, [config.target_staging.prefix, "anchors", run_id])) + "/"


def digest_of(folder: Path) -> str:
    """The digest of a folder's seal."""
    return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()


@dataclass(slots=True)
class Anchor:
    """The anchor that a migration file asks for, of one run's next seal."""

    config: Migration
    run_id: str
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _lock: Lock = Lock.NOT_KNOWN
    _why: str | None = None

    @classmethod
    def of(cls, config: Migration, run_id: str) -> Anchor | None:
        """None where the file asks for none."""
        return cls(config, run_id) if config.report.anchor else None

    def look(self, ledger: Ledger) -> None:
        """Record whether the bucket would hold an anchor, which the report says."""
        staging, days, period = self.config.target_staging, self.config.report.anchor_days, None
        try:
            self._lock, period = lock_of(self._client(), staging.bucket, staging.bucket_owner)
        except (TransferError, ConfigError) as error:
            self._why = str(error)
        if days and (self._lock.holds or self._lock is Lock.NO_RETENTION):
            self._lock, period = Lock.COMPLIANCE, f"{days} days"
        self._why = WITHOUT.get(self._lock, self._why)
        place = f"s3://{staging.bucket}/{prefix_of(self.config, self.run_id)}"
        ANCHOR.record(ledger, AnchorFact(place, self._lock, period, self._why))

    def put(self, folder: Path) -> Anchored:
        """Put the digest of a folder's seal into the bucket, and beside the seal what came of it; raises nothing of S3.

        Only under a lock: an object that anybody may replace says no more than the folder.
        """
        digest = digest_of(folder)
        bucket, key = self.config.target_staging.bucket, prefix_of(self.config, self.run_id) + digest
        failed = Anchored(State.NOT_ANCHORED, bucket, key, digest, why=self._why)
        try:
            anchored = self._put(failed) if self._lock.holds else failed
        except (TransferError, ConfigError) as error:
            anchored = Anchored(State.NOT_ANCHORED, bucket, key, digest, why=str(error))
        write_atomically(folder / BESIDE, json.dumps(asdict(anchored), indent=2) + "\n")
        return anchored

    def _put(self, wanted: Anchored) -> Anchored:
        """Put it and read that very version back: what S3 says of it is what is noted."""
        s3, owner, days = self._client(), self.config.target_staging.bucket_owner, self.config.report.anchor_days
        bucket, key, body = wanted.bucket, wanted.key, line(wanted.sha256)
        version = put_anchor(s3, bucket, key, body, owner, self.now() + timedelta(days=days) if days else None)
        held = read_anchor(s3, bucket, key, version, owner)
        if held is None or held.body != body:
            found = "another" if held else "not there"
            raise TransferError(f"s3://{bucket}/{key} was put, and is {found} when it is read back")
        return anchored(wanted, held)

    def _client(self) -> Any:
        return anchor_client(self.config, prefix_of(self.config, self.run_id), write=True)


def anchored(wanted: Anchored, held: Held) -> Anchored:
    """What there is to say of an anchor as S3 holds it."""
    until = format_timestamp(held.until) if held.until else None
    why = None if held.lock else "S3 names no lock of it, or s3:GetObjectRetention is not allowed"
    where = (wanted.bucket, wanted.key, wanted.sha256)
    return Anchored(State.ANCHORED, *where, held.id, format_timestamp(held.at), held.lock, until, why)


def anchor_in_words(record: RunRecord) -> str | None:
    """What a report says of the anchor of its own seal, which is put after it; None if none was asked for."""
    known = record.anchor
    if not known:
        return None
    if not any(lock.holds for lock in Lock if lock == known.lock):
        return f"report.anchor asks for an anchor of the seal, and this seal has none: {known.why}."
    return (
        f"Once this folder is sealed, the digest of {SUMS} is put under Object Lock ({known.lock}, "
        f"{known.period}) in {known.place}. {BESIDE} says whether it was; runbook verify with --config and the "
        "migration file holds the folder to it."
    )


def told_of_anchor(record: RunRecord, folder: Path) -> str | None:
    """What became of the anchor of a folder just sealed, in one line; None if none was asked for."""
    if not record.anchor:
        return None
    try:
        return str(Anchored(**json.loads((folder / BESIDE).read_bytes())))
    except (OSError, ValueError, TypeError) as error:
        return f"the digest of {SUMS} is NOT ANCHORED: {BESIDE} cannot be read: {error}"
