"""Items chosen so that the sums of their plain digests agree, see `test_forged_equality`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.world import Item

FORGED = json.loads(Path(__file__).with_name("forged_sums.json").read_text(encoding="utf-8"))


def account(number: int, amount: int) -> Item:
    return {"id": {"S": f"acct-{number}"}, "amount": {"N": str(amount)}}


def sides() -> tuple[list[Item], list[Item]]:
    return [account(n, 100) for n, _ in FORGED], [account(n, amount) for n, amount in FORGED]
