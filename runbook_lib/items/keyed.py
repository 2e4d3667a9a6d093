"""Digests under a secret: nobody who lacks it can find two items that agree, or guess the key behind a hash.

The secret itself is never written; where it lies is `run_secret`'s business. Source: RFC 7693, keyed BLAKE2b.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

SECRET_BYTES = 32
_NONCE = _MAC = 16


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
        return self.key_digest(key).hex()

    def key_digest(self, key: bytes) -> bytes:
        """The 16 bytes of `key_hash`."""
        mac = self._mac("key")
        mac.update(key)
        return mac.digest()

    def key_digests(self) -> hashlib.blake2b:
        """An empty digest of a key, to be used as one of an item is."""
        return self._mac("key")

    def item_digest(self, item: bytes) -> bytes:
        """16 bytes that are equal for equal items, given as canonical JSON."""
        mac = self._mac("item")
        mac.update(item)
        return mac.digest()

    def item_digests(self) -> hashlib.blake2b:
        """An empty item digest: copy it, update it with an item's canonical JSON, and take its 16 bytes."""
        return self._mac("item")

    def sealed(self, data: bytes) -> bytes:
        """Data as nobody else can read it, or change it unnoticed; for what is small and kept for a while."""
        nonce = secrets.token_bytes(_NONCE)
        hidden = self._hidden(nonce, data)
        return nonce + self._seal(nonce, hidden) + hidden

    def opened(self, sealed: bytes) -> bytes | None:
        """What was sealed with this secret; None for anything else."""
        nonce, seal, hidden = sealed[:_NONCE], sealed[_NONCE : _NONCE + _MAC], sealed[_NONCE + _MAC :]
        return self._hidden(nonce, hidden) if secrets.compare_digest(self._seal(nonce, hidden), seal) else None

    def _hidden(self, nonce: bytes, data: bytes) -> bytes:
        stream = self._mac("stream")
        stream.update(nonce)
        pad = hashlib.shake_256(stream.digest()).digest(len(data))
        return (int.from_bytes(data) ^ int.from_bytes(pad)).to_bytes(len(data))

    def _seal(self, nonce: bytes, hidden: bytes) -> bytes:
        mac = self._mac("seal")
        mac.update(nonce + hidden)
        return mac.digest()

    def _mac(self, purpose: str) -> hashlib.blake2b:
        """Keyed BLAKE2b, another function for each purpose."""
        return hashlib.blake2b(key=self.value, person=purpose.encode(), digest_size=16)
