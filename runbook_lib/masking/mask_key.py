"""The key that pseudonyms are derived with: never shown, and told from another only by whoever holds a run's secret."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from runbook_lib.errors import ConfigError
from runbook_lib.items.keyed import RunSecret

LEAST_BYTES = 16
_BLOCK = 64  # of SHA-256, RFC 2104


@dataclass(frozen=True, slots=True, repr=False)
class MaskKey:
    """A key of at least 16 bytes; it shows nothing of itself in a log or a traceback."""

    value: bytes
    _inner: hashlib._Hash = field(init=False, compare=False)
    _outer: hashlib._Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.value) < LEAST_BYTES:
            raise ConfigError(
                f"transform.mask.key: expected at least {LEAST_BYTES} bytes, found {len(self.value)}; make one with "
                "`openssl rand -hex 32` and keep it where your secrets are"
            )
        block = (hashlib.sha256(self.value).digest() if len(self.value) > _BLOCK else self.value).ljust(_BLOCK, b"\0")
        object.__setattr__(self, "_inner", hashlib.sha256(bytes(byte ^ 0x36 for byte in block)))
        object.__setattr__(self, "_outer", hashlib.sha256(bytes(byte ^ 0x5C for byte in block)))

    def __repr__(self) -> str:
        return "MaskKey(...)"

    def __reduce__(self) -> tuple[type[MaskKey], tuple[bytes]]:
        return MaskKey, (self.value,)

    def mac(self, domain: bytes, value: bytes) -> bytes:
        """HMAC-SHA-256 of a value in a domain: 32 bytes that agree exactly where both do."""
        inner = self._inner.copy()
        inner.update(domain + b"\0" + value)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def fingerprint(self, secret: RunSecret) -> str:
        """What tells this key from another one; of no use to anybody without the run's secret."""
        own = hmac.digest(self.value, b"runbook mask key", "sha256")
        return secret.key_hash(own)
