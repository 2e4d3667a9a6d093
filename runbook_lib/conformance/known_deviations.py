"""Deviations that an engine has on purpose, with why: they are told, and are no surprise."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

SANDBOX = "the sandbox"
KNOWN: dict[str, dict[str, str]] = {
    SANDBOX: {
        "ttl-changed-twice-in-an-hour": "whoever tests with it sets a table's TTL as often as it takes",
    },
}


def engine_at(endpoint: str) -> str:
    """What to call a server that is not AWS: the sandbox says who it is, another is called by its address."""
    try:
        with urllib.request.urlopen(f"{endpoint}/_sandbox/health", timeout=5) as answer:
            if answer.status == 200 and json.load(answer).get("ready") is True:
                return SANDBOX
    except (urllib.error.URLError, ValueError, AttributeError, OSError):
        pass
    return endpoint


def known_of(engine: str) -> dict[str, str]:
    return KNOWN.get(engine, {})
