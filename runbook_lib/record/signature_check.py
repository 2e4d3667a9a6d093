"""Whether the signature beside a seal is one, of that seal, by the key that the run names: for whoever verifies it.

Offline it is held to the public key that lies beside it, which anybody can exchange with the signature: who signed is
known only against a fingerprint that is known from elsewhere, or by KMS, for a key that the asker's own file names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook_lib.aws.session.signing_client import seal_signer
from runbook_lib.aws.signing import DIGESTS, SigningKey, is_same_key, kms_bears_out, public_key
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, EvidenceError
from runbook_lib.extras import require
from runbook_lib.record.anchor import digest_of, line
from runbook_lib.record.model.run import SignerRecord
from runbook_lib.record.signature import PUBLIC_KEY, SIGNATURE, SIGNED
from runbook_lib.run.unfinished import SUMS

FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
LARGEST = 65_536
NONE = f"{SUMS} is not signed"


@dataclass(frozen=True, slots=True)
class SignatureDemand:
    """What a signature is held to beside its own public key: a fingerprint, and a migration file, by KMS or offline."""

    fingerprint: str | None = None
    config: Migration | None = None
    by_kms: bool = False

    @property
    def is_signed(self) -> bool:
        """Whether there has to be a signature."""
        return self.fingerprint is not None or self.by_kms or bool(self.config and self.config.sign)


def fingerprint_of(text: str) -> str:
    """The fingerprint in `--signed-by`: 64 hexadecimal digits, or the file of a public key in PEM."""
    if match := FINGERPRINT.fullmatch(text.strip()):
        return match[1].lower()
    file = Path(text)
    if file.is_file():
        try:
            return hashlib.sha256(_der(file)).hexdigest()
        except EvidenceError as error:
            raise ConfigError(f"--signed-by: {error}") from None
    raise ConfigError(
        f"--signed-by: expected the fingerprint of a public key (64 hexadecimal digits) or its file in PEM, found "
        f"{text[:80]!r}"
    )


def check_signature(folder: Path, signer: SignerRecord | None, expected: SignatureDemand) -> str:
    """What the signature of a folder's seal bears out, in one sentence.

    Raises EvidenceError for one that is not of this seal, not by the key that run.json names, or not by the expected
    one, and for none where one has to be; ConfigError where the packages that verify it are not installed.
    """
    there = [(folder / name).exists() for name in (SIGNATURE, PUBLIC_KEY)]
    if not any(there):
        return _unsigned(folder, signer, expected)
    if not all(there):
        raise EvidenceError(
            f"{folder}: of SHA256SUMS.sig and SHA256SUMS.pub one is missing; neither says anything alone"
        )
    message, public = line(digest_of(folder)), _der(folder / PUBLIC_KEY)
    fingerprint = hashlib.sha256(public).hexdigest()
    algorithm = signer.algorithm if signer else None
    signature = _decoded(folder / SIGNATURE)
    if not _is_signature(public, algorithm, signature, message):
        raise EvidenceError(
            f"{folder}: SHA256SUMS.sig is no signature of SHA256SUMS by the key in SHA256SUMS.pub: the folder "
            f"was sealed again "
            "after it was signed, or one of the three was exchanged"
        )
    if signer is not None and signer.fingerprint != fingerprint:
        raise EvidenceError(
            f"{folder}: SHA256SUMS is signed by a key of the fingerprint {fingerprint}, and run.json says that "
            f"{signer.key or signer.asked} of the fingerprint {signer.fingerprint} signs it"
        )
    _refuse_another_key(folder, signer, expected)
    return _held_to(folder, signer, fingerprint, expected, (message, signature))


def _refuse_another_key(folder: Path, signer: SignerRecord | None, expected: SignatureDemand) -> None:
    """Raise EvidenceError where the run asked for a signature by another key than the asker's own file names."""
    if expected.by_kms or expected.config is None or expected.config.sign is None:
        return
    wanted = expected.config.sign.kms
    if signer is None or not any(_names_one(wanted, known) for known in (signer.asked, signer.key) if known):
        asked = f"by {signer.asked}" if signer is not None else "by no key"
        raise EvidenceError(
            f"{folder}: SHA256SUMS should be signed with {wanted}, as sign.kms of your migration file says, and "
            f"run.json asks for a signature {asked}; if that key is meant, name it there, or give its --signed-by "
            "without --config"
        )


def _unsigned(folder: Path, signer: SignerRecord | None, expected: SignatureDemand) -> str:
    if expected.is_signed:
        raise EvidenceError(f"{folder}: SHA256SUMS is not signed, and it should be{_why(folder)}")
    if signer is not None:
        return f"{NONE}, although the migration file asked for a signature by {signer.asked}{_why(folder)}"
    return NONE


def _why(folder: Path) -> str:
    """What stands beside the seal of why it is not signed."""
    try:
        with (folder / SIGNED).open("rb") as opened:
            said = json.loads(opened.read(LARGEST))
        return f": {said['why']}" if said.get("why") else ""
    except (OSError, ValueError, KeyError, AttributeError, RecursionError):
        return ""


def _names_one(one: str, other: str) -> bool:
    """Whether two names may be of one key; two ARNs are if they are the same."""
    arns = one.startswith("arn:") and other.startswith("arn:")
    return one == other or (not arns and is_same_key(one, other))


def _held_to(
    folder: Path, signer: SignerRecord | None, fingerprint: str, expected: SignatureDemand, signed: tuple[bytes, bytes]
) -> str:
    if expected.fingerprint is not None and expected.fingerprint != fingerprint:
        raise EvidenceError(
            f"{folder}: SHA256SUMS should be signed by a key of the fingerprint {expected.fingerprint} "
            f"(--signed-by), and "
            f"is by one of {fingerprint}"
        )
    named = f"{signer.key}, by {signer.by}" if signer else "a key that the run knows nothing of"
    said = f"SHA256SUMS is signed with {named}; fingerprint {fingerprint}"
    if expected.by_kms and expected.config is not None:
        return f"{said}. {_asked_kms(folder, expected.config, fingerprint, *signed)}"
    if expected.fingerprint is not None:
        return f"{said}, which is the expected one"
    return (
        f"{said}. Who holds that key is not known from this folder, where anybody can put another: compare the "
        "fingerprint with one from elsewhere (--signed-by), or ask KMS (--config with --kms)"
    )


def _asked_kms(folder: Path, config: Migration, fingerprint: str, message: bytes, signature: bytes) -> str:
    assert config.sign is not None
    kms = seal_signer(config).kms
    key: SigningKey = public_key(kms, config.sign.kms)
    if key.fingerprint != fingerprint:
        raise EvidenceError(
            f"{folder}: SHA256SUMS should be signed with {key.arn}, the key of sign.kms, whose fingerprint is "
            f"{key.fingerprint}; it is by a key of {fingerprint}"
        )
    if not kms_bears_out(kms, config.sign.kms, key, message, signature):
        raise EvidenceError(f"{folder}: KMS says that SHA256SUMS.sig is no signature of SHA256SUMS by {key.arn}")
    return f"KMS says so too, of {key.arn}"


def _der(file: Path) -> bytes:
    """A public key in PEM as DER."""
    with file.open("rb") as opened:
        text = opened.read(LARGEST).decode("ascii", "replace")
    match = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", text)
    if match is None:
        raise EvidenceError(f"{file} should hold a public key in PEM, and does not")
    return _base64(match[1], file)


def _decoded(file: Path) -> bytes:
    with file.open("rb") as opened:
        return _base64(opened.read(LARGEST).decode("ascii", "replace"), file)


def _base64(text: str, file: Path) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise EvidenceError(f"{file} should be base64, and is not") from None


def _is_signature(public: bytes, algorithm: str | None, signature: bytes, content: bytes) -> bool:
    """Whether a signature is one of some content, by a public key and an algorithm, or by what fits the key."""
    require("sign", "verifying the signature of a seal")
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    digests: dict[str, Any] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    digest = digests[DIGESTS.get(algorithm or "", "sha256")]
    try:
        key = load_der_public_key(public)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), digest)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
