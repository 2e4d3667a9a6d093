"""The signature of a seal: by a key of KMS over its digest, so that who cannot use the key cannot seal again.

Who is going to sign is known, and reported, before the seal; the signature is made after it and lies beside it, with
the public half of the key, in forms that openssl reads. No verdict depends on it.
"""

from __future__ import annotations

import base64
import json
import textwrap
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from runbook_lib.atomic_files import write_atomically
from runbook_lib.aws.session.signing_client import SealSigner, seal_signer
from runbook_lib.aws.signing import SigningKey, public_key, sign_line
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, TransferError
from runbook_lib.record.anchor import digest_of, line
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.facts.publication import SIGNER, SignerFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.unfinished import SUMS

SIGNATURE, PUBLIC_KEY, SIGNED = f"{SUMS}.sig", f"{SUMS}.pub", f"{SUMS}.signed"


class SignState(StrEnum):
    """What became of a signature."""

    SIGNED = "signed"
    NOT_SIGNED = "not signed"


@dataclass(frozen=True, slots=True)
class Signed:
    """What stands in SHA256SUMS.signed: which key signed which seal, or why none did."""

    state: SignState
    key: str
    algorithm: str | None = None
    fingerprint: str | None = None
    by: str | None = None
    why: str | None = None

    def __str__(self) -> str:
        if self.state != SignState.SIGNED:
            return f"{SUMS} is NOT SIGNED with {self.key}: {self.why}"
        return f"{SUMS} is signed with {self.key} ({self.algorithm}, fingerprint {self.fingerprint}) by {self.by}"


@dataclass(slots=True)
class Signature:
    """The signature that a migration file asks for, of a run's next seal."""

    config: Migration
    _key: SigningKey | None = None
    _signer: SealSigner | None = None
    _why: str = ""

    @classmethod
    def of(cls, config: Migration) -> Signature | None:
        """None where the file asks for none."""
        return cls(config) if config.sign else None

    @property
    def asked(self) -> str:
        assert self.config.sign is not None
        return self.config.sign.kms

    def look(self, ledger: Ledger) -> None:
        """Record who is going to sign, which the report says."""
        try:
            self._signer = seal_signer(self.config)
            self._key = public_key(self._signer.kms, self.asked)
        except (TransferError, ConfigError) as error:
            self._why = str(error)
        key, by = self._key, self._signer.by if self._signer else None
        fact = SignerFact(self.asked, by, why=self._why or None)
        if key is not None:
            fact = SignerFact(self.asked, by, key.arn, key.algorithm, key.fingerprint)
        SIGNER.record(ledger, fact)

    def put(self, folder: Path) -> Signed:
        """Sign a folder's seal and put signature and public key beside it; raises nothing of KMS."""
        message = line(digest_of(folder))
        try:
            if self._key is None or self._signer is None:
                raise TransferError(self._why)
            signature = sign_line(self._signer.kms, self.asked, self._key, message)
        except (TransferError, ConfigError) as error:
            signed = Signed(SignState.NOT_SIGNED, self.asked, why=str(error))
        else:
            key = self._key
            write_atomically(folder / PUBLIC_KEY, as_pem(key.public))
            write_atomically(folder / SIGNATURE, base64.b64encode(signature).decode() + "\n")
            signed = Signed(SignState.SIGNED, key.arn, key.algorithm, key.fingerprint, self._signer.by)
        write_atomically(folder / SIGNED, json.dumps(asdict(signed), indent=2) + "\n")
        return signed


def as_pem(public: bytes) -> str:
    """A public key as openssl reads it."""
    lines = "\n".join(textwrap.wrap(base64.b64encode(public).decode(), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def signer_in_words(record: RunRecord) -> str | None:
    """What a report says of the signature of its own seal, which is made after it; None if none was asked for."""
    known = record.signer
    if known is None:
        return None
    if known.fingerprint is None:
        return f"sign.kms asks for a signature by {known.asked}, and this seal has none: {known.why}."
    return (
        f"Once this folder is sealed, {SUMS} is signed with the KMS key {known.key} ({known.algorithm}) by "
        f"{known.by or 'somebody whom STS does not name'}. SHA-256 of the key's public half: {known.fingerprint}. "
        "runbook verify holds the signature to it; that this is the key of whoever should have signed is known only "
        "where that fingerprint is known from elsewhere (--signed-by), or from KMS (--config with --kms)."
    )


def told_of_signature(record: RunRecord, folder: Path) -> str | None:
    """What became of the signature of a folder just sealed, in one line; None if none was asked for."""
    if record.signer is None:
        return None
    try:
        return str(Signed(**json.loads((folder / SIGNED).read_bytes())))
    except (OSError, ValueError, TypeError) as error:
        return f"{SUMS} is NOT SIGNED: {SIGNED} cannot be read: {error}"
