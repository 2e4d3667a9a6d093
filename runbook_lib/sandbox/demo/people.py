"""People in the demo's tables, invented, and the transform that masks what is said of them.

Somebody's address stands in an index key, in a JSON text and beside their one-time code, their account's number in the
key of another table; what joined before joins afterwards.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.fleet.draw import Draw
from runbook_lib.sandbox.fleet.tables import SOURCE_REGION, fleet, fleet_table

MASK_KEY_NAME = "DEMO_MASK_KEY"
SWITCHED_OFF = "email"  # the path whose rule `--sabotage leak` switches off
PER_SCALE, FEWEST = 2_000, 6  # people at scale 1, and at any
BATCH = 25  # items that one request may put
FIRST = ("Adaline", "Bertrand", "Cosima", "Dagmar", "Emeric", "Friedhelm", "Gwendolin", "Hjalmar")
LAST = ("Ashgrove", "Brückner", "Carmichael", "Delacroix", "Espenhain", "Fotheringay", "Gyllenhaal", "Hollingworth")
# Attributes that say nothing of a person, beside the keys of tables and indexes.
KEPT = frozenset({
    "aliases", "amount", "ceiling", "channel", "checksum", "closed_at", "created_at", "document_digest", "epsilon",
    "exact_rate", "expires_at", "größe", "history", "installments", "is_active", "is_locked", "line_items", "merchant",
    "method", "middle_name", "pending", "rate", "scan", "signatures", "tags", "terms", "updated_at",
})  # fmt: skip

Item = dict[str, dict[str, Any]]


def people_count(scale: float) -> int:
    """How many people there are at a scale."""
    return max(FEWEST, round(PER_SCALE * scale))


def add_people(endpoint: str, scale: float) -> int:
    """Put people, their accounts, transactions and one-time codes into the source's tables; returns how many items."""
    client, put = sandbox_client("dynamodb", endpoint, SOURCE_REGION), 0
    for table, items in people(people_count(scale)).items():
        requests = [{"PutRequest": {"Item": item}} for item in items]
        for at in range(0, len(requests), BATCH):
            client.batch_write_item(RequestItems={fleet_table(table).source: requests[at : at + BATCH]})
        put += len(items)
    client.close()
    return put


def people(count: int) -> dict[str, list[Item]]:
    """Items by the short name of their table; the same on every machine."""
    made: dict[str, list[Item]] = {"users": [], "accounts": [], "transactions": [], "otp-codes": []}
    for number in range(count):
        for table, item in _person(number):
            made[table].append(item)
    return made


def _person(number: int) -> Iterator[tuple[str, Item]]:
    draw = Draw(f"person {number}")
    first, last = draw.pick(FIRST), draw.pick(LAST)
    email = f"{first}.{last}.{number}@mail.example".lower()
    user, company = _uuid(draw), f"company-{draw.below(400):04d}"
    account, created = f"{draw.below(10**12):012d}", f"{draw.date()}T09:30:00.000Z"
    phone = f"+1 {200 + draw.below(800)} {draw.below(1000):03d} {draw.below(10_000):04d}"
    yield "users", _texts(
        id=user, email=email, legal_name=f"{first} {last}", phone=phone, company_id=company, type="borrower",
        is_approver="false", account_number=account, created_at=created,
    )  # fmt: skip
    yield "accounts", _texts(
        id=_uuid(draw), user_id=user, account_id=account, company_id=company, status="active",
        account_number=account, created_at=created,
    )  # fmt: skip
    day = draw.date()
    yield "transactions", _texts(
        account_id=account, posted_date_tx_id=f"{day}#{number:08d}", company_id=company,
        posted_date_account_id=f"{day}#{account}", created_at=created, method="ach",
    )  # fmt: skip
    code = f"{draw.below(10**8):08d}"
    message = json.dumps({"to": email, "code": code, "locale": draw.pick(("de", "en"))})
    yield "otp-codes", _texts(
        id=_uuid(draw), user_id=user, channel="email", destination=email, code=code, message=message,
        expires_at="2030-01-01T00:00:00Z",
    )  # fmt: skip


def _uuid(draw: Draw) -> str:
    return str(uuid.UUID(draw.hexadecimal(32)))


def _texts(**values: str) -> Item:
    return {name: {"S": value} for name, value in values.items()}


def masked_transform(*, is_switched_off: bool) -> dict[str, Any]:
    """The section `transform` of the demo's migration file; every attribute of the fleet has a rule."""
    rules = [*_masking(), *({"path": name, "with": "keep"} for name in sorted(_kept()))]
    if is_switched_off:
        off = {"path": SWITCHED_OFF, "with": "keep", "domain": "email"}
        rules = [off if rule["path"] == SWITCHED_OFF else rule for rule in rules]
    return {"mask": {"key": {"env": MASK_KEY_NAME}, "rules": rules}}


def _masking() -> list[dict[str, Any]]:
    email = {"with": "pseudonym", "form": "email", "domain": "email"}
    account = {"with": "pseudonym", "form": "digits", "length": 12, "domain": "account"}
    code = {"with": "pseudonym", "form": "digits", "domain": "code"}
    user = {"with": "pseudonym", "form": "uuid", "domain": "user"}
    return [
        {"path": "email"} | email,
        {"path": "destination"} | email,
        {"path": "legal_name", "with": "pseudonym", "form": "name", "domain": "name"},
        {"path": "phone", "with": "pseudonym", "form": "digits", "domain": "phone"},
        {"path": "account_number"} | account,
        {"path": "account_id"} | account,
        {"path": "posted_date_account_id", "with": "template", "form": "digits", "length": 12, "domain": "account",
         "template": "{day}#{account}", "parts": {"day": {"with": "keep"}}},
        {"path": "code"} | code,
        {"path": "message", "with": "json", "rules": [
            {"path": "to"} | email, {"path": "code"} | code, {"path": "locale", "with": "keep"},
        ]},
        {"table": fleet_table("users").source, "path": "id"} | user,
        {"path": "user_id"} | user,
        {"path": "notes", "with": "drop"},
        {"path": "memo", "with": "drop"},
    ]  # fmt: skip


def _kept() -> set[str]:
    keys = {part.name for table in fleet() for key in (table.key, *table.indexes.values()) for part in key}
    return keys.union(KEPT) - {rule["path"] for rule in _masking() if "table" not in rule}
