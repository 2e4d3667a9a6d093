"""Digests under a secret: nobody who lacks it can find two items that agree, or guess the key behind a hash.

The secret itself is never written; where it lies is `run_secret`'s business. Source: RFC 7693, keyed BLAKE2b.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class RunSecret:
    """A run's secret; it can be handed to a worker, and shows nothing of itself in a log or a traceback."""

    value: bytes

    @classmethod
    def new(cls) -> RunSecret:
        return cls(secrets.token_bytes(SECRET_BYTES))

    def __repr__(self) -> str:
        return "RunSecret(...)"

    @property
    def fingerprint(self) -> str:
        """What tells one secret from another, and reveals neither."""
        return self._mac("fingerprint").hexdigest()

    def key_hash(self, key: bytes) -> str:
        """What names an item in place of its key, given as canonical JSON: 32 hexadecimal digits."""
        mac = self._mac("key")
        mac.update(key)
        return mac.hexdigest()

    def item_digests(self) -> hashlib.blake2b:
        """An empty item digest: copy it, update it with an item's canonical JSON, and take its 16 bytes."""
        return self._mac("item")

    def _mac(self, purpose: str) -> hashlib.blake2b:
        """Keyed BLAKE2b, another function for each purpose."""
        return hashlib.blake2b(key=self.value, person=purpose.encode(), digest_size=16)
