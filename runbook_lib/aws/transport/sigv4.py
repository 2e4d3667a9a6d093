"""Signature V4 for POSTs to one URL, by botocore's SigV4Auth, which is spared what never changes.

Which headers are signed, and in what order, is the same for every request of a wire, so the
canonical request is put together here; string to sign, key and signature are botocore's.
A test compares the result with botocore's own, byte by byte.
Source: "Create a signed AWS API request", AWS General Reference.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.utils import is_valid_ipv6_endpoint_url, normalize_url_path

CONTENT_TYPE = "application/x-amz-json-1.0"


class Signer:
    """Signs requests to one DynamoDB endpoint with credentials that are asked for each time."""

    def __init__(self, url: str, region: str, credentials: Any) -> None:
        self._host = _host(url)
        self._path = quote(normalize_url_path(urlsplit(url).path), safe="/~")
        self._region, self._credentials = region, credentials

    def headers(self, target: str, body: bytes, now: datetime | None = None, frozen: Any = None) -> dict[str, str]:
        """All headers of a signed request for `target` (`DynamoDB_20120810.Scan`); `frozen` credentials, or its own."""
        frozen = frozen or self._credentials.get_frozen_credentials()
        timestamp = (now or datetime.now(UTC)).strftime(SIGV4_TIMESTAMP)
        token = f"x-amz-security-token:{frozen.token}\n" if frozen.token else ""
        signed = "content-type;host;x-amz-date;" + ("x-amz-security-token;" if token else "") + "x-amz-target"
        canonical = (
            f"POST\n{self._path}\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{timestamp}\n"
            f"{token}x-amz-target:{target}\n\n{signed}\n{sha256(body).hexdigest()}"
        )
        auth = _Auth(frozen, "dynamodb", self._region)
        request = SimpleNamespace(context={"timestamp": timestamp})
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        headers = {
            "Host": self._host,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": target,
            "X-Amz-Date": timestamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, "
            f"SignedHeaders={signed}, Signature={signature}",
            "Accept-Encoding": "identity",
        }
        if token:
            headers["X-Amz-Security-Token"] = frozen.token
        return headers


class _Auth(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """SigV4Auth that derives a day's signing key once."""

    def signature(self, string_to_sign: str, request: Any) -> str:
        day: str = request.context["timestamp"][:8]
        key = _signing_key(self.credentials.secret_key, day, self._region_name, self._service_name)
        return str(self._sign(key, string_to_sign, hex=True))


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    auth = SigV4Auth(None, service, region)
    key: bytes = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = auth._sign(key, part)
    return key


def _host(url: str) -> str:
    """The Host header: without the port where it is the scheme's own, as botocore signs it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_valid_ipv6_endpoint_url(url):
        host = f"[{host}]"
    default = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, default) else f"{host}:{parts.port}"
