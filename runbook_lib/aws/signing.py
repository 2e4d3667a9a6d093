"""KMS's calls behind the signature of a seal: the public key, a signature, and KMS's own word on one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.errors import TransferError

# What this tool signs with, the first that a key has, and the digest of the message that each is over.
DIGESTS = {
    "ECDSA_SHA_256": "sha256",
    "ECDSA_SHA_384": "sha384",
    "ECDSA_SHA_512": "sha512",
    "RSASSA_PKCS1_V1_5_SHA_256": "sha256",
}
LINE = re.compile(rb"[0-9a-f]{64}  SHA256SUMS\n")
SIGN = "kms:Sign"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An asymmetric key of KMS: its ARN, what it signs with here, and its public half as DER."""

    arn: str
    algorithm: str
    public: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public half."""
        return hashlib.sha256(self.public).hexdigest()


def public_key(kms: Any, key_id: str) -> SigningKey:
    """A key and its public half; raises TransferError where it cannot be had, or is no key to sign with."""
    try:
        said = kms.get_public_key(KeyId=key_id)
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"the public half of {key_id} cannot be read: {error}") from None
    offered = said.get("SigningAlgorithms") or ()
    algorithm = next((name for name in DIGESTS if name in offered), None)
    if said.get("KeyUsage") != "SIGN_VERIFY" or algorithm is None:
        raise TransferError(
            f"{key_id}: expected a key to sign with, by one of {', '.join(DIGESTS)}; found the usage "
            f"{said.get('KeyUsage')} and {', '.join(offered) or 'no algorithm'}; make an RSA or ECC key of the usage "
            "SIGN_VERIFY"
        )
    named = str(said["KeyId"])
    arn = key_id if key_id.startswith("arn:") and is_same_key(named, key_id) else named
    return SigningKey(arn, algorithm, bytes(said["PublicKey"]))


def sign_line(kms: Any, key_id: str, key: SigningKey, line: bytes) -> bytes:
    """KMS's signature over the line that has the digest of a seal; raises TransferError where there is none."""
    try:
        said = kms.sign(
            KeyId=key_id, Message=line, MessageType="RAW", SigningAlgorithm=key.algorithm,
        )  # fmt: skip
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"{key_id} did not sign: {error}") from None
    if not is_same_key(str(said.get("KeyId")), key.arn):
        raise TransferError(f"{key_id} was {key.arn} a moment before it signed, and signed as {said.get('KeyId')}")
    return bytes(said["Signature"])


def kms_bears_out(kms: Any, key_id: str, key: SigningKey, line: bytes, signature: bytes) -> bool:
    """Whether KMS says that a signature is this key's; raises TransferError where it cannot be asked."""
    try:
        said = kms.verify(
            KeyId=key_id, Message=line, MessageType="RAW", Signature=signature,
            SigningAlgorithm=key.algorithm,
        )  # fmt: skip
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "KMSInvalidSignatureException":
            return False
        raise TransferError(f"KMS could not be asked about a signature of {key_id}: {error}") from None
    except BotoCoreError as error:
        raise TransferError(f"KMS could not be asked about a signature of {key_id}: {error}") from None
    return said.get("SignatureValid") is True and is_same_key(str(said.get("KeyId")), key.arn)


def is_same_key(one: str, other: str) -> bool:
    """Whether two names are of one key: AWS answers with ARNs, other servers with ids, which are unique, too."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def signing_form(request: Mapping[str, Any]) -> bool:
    """The one form of Sign here: the line that `sha256sum SHA256SUMS` prints, and nothing else."""
    return (
        request.keys() == {"KeyId", "Message", "MessageType", "SigningAlgorithm"}
        and request["MessageType"] == "RAW"
        and request["SigningAlgorithm"] in DIGESTS
        and LINE.fullmatch(bytes(request["Message"])) is not None
    )
