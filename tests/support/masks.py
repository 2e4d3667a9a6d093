"""A migration file's transform for the tests' people, and items in which their data hide."""

from __future__ import annotations

from typing import Any

MASK_KEY = "marker-of-the-mask-key-0123456789"
KEY_NAME = "RUNBOOK_MASK_KEY"


def mask(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The section `transform` with a mask of these rules; `id` is kept."""
    kept = {"path": "id", "with": "keep"}
    named = [rule.get("path") for rule in rules]
    return {"mask": {"key": {"env": KEY_NAME}, "rules": [*([] if "id" in named else [kept]), *rules]}, **more}


def email_rule(path: str = "email", **more: Any) -> dict[str, Any]:
    return {"path": path, "with": "pseudonym", "form": "email", "domain": "email", **more}


def keep_rule(path: str) -> dict[str, Any]:
    return {"path": path, "with": "keep"}


def address(number: int) -> str:
    return f"marker.person{number:04}@people.example"


def people(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Items with an address each."""
    return [
        {"id": {"S": f"i{n:05}"}, "email": {"S": address(n)}, "n": {"N": str(n)}} for n in range(first, first + count)
    ]
