"""When, and as what, a run was last published, what its anchor could be, and who was to sign it."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.aws.s3.anchors import Lock
from runbook_lib.run.facts.starts import CodeFact
from runbook_lib.run.facts.topic import Note


@dataclass(frozen=True, slots=True)
class PublicationFact:
    """The last time that a run's folder was sealed."""

    at: str
    run_id: str
    name: str
    interrupted: bool
    code: CodeFact


@dataclass(frozen=True, slots=True)
class AnchorFact:
    """What a bucket would do with a run's anchor: `why` says what it cannot."""

    place: str
    lock: Lock
    period: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class SignerFact:
    """The key that was asked for, and which it is; `why` says why it cannot sign."""

    asked: str
    by: str | None = None
    key: str | None = None
    algorithm: str | None = None
    fingerprint: str | None = None
    why: str | None = None


PUBLICATION = Note("run", "publication", PublicationFact)
ANCHOR = Note("run", "anchor", AnchorFact)
SIGNER = Note("run", "signer", SignerFact)
