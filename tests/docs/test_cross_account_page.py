"""docs/cross-account.md shows the policies that `runbook policy` prints for its file, and what must answer them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import load_config
from runbook_lib.iac.iam_policy import policies
from runbook_lib.iac.planned_table import TablePermissions
from tests.support.messages import fits, texts

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cross-account.md").read_text(encoding="utf-8")
TRUST, BUCKET, KEY, SOURCE, TARGET = (json.loads(b) for b in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))


def printed(folder: Path) -> dict[str, Any]:
    """The policies for the page's own migration file."""
    whole = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert whole
    (file := folder / "migration.yaml").write_text(whole[1])
    config = load_config(file)
    sides = []
    for side in (config.source, config.target):
        account = (side.role_arn or "").split(":")[4]
        sides.append(Identity(account, side.region, f"arn:aws:sts::{account}:assumed-role/r/s", "https://aws"))
    (table,) = config.tables.include
    here, there = (f"arn:aws:dynamodb:{who.region}:{who.account}:table/{table}" for who in sides)
    found = policies(config, [TablePermissions(table, here, there, "export")], *sides)
    assert any("More than one account" in note for note in found["notes"])
    return found


def statement(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    (found,) = [s for s in policy["Statement"] if s["Sid"] == sid]
    return dict(found)


def test_the_policies_are_those_that_the_command_prints(tmp_path: Path) -> None:
    found = printed(tmp_path)
    assert found["source"] == SOURCE
    assert found["target"] == TARGET
    assert "staging" not in found


def test_bucket_and_key_let_the_source_do_what_its_policy_lets_it_ask_for(tmp_path: Path) -> None:
    reader = {"AWS": load_config_of(tmp_path).source.role_arn}
    (write,) = BUCKET["Statement"]
    assert write == statement(SOURCE, "WriteExports") | {"Principal": reader}
    encrypt = statement(SOURCE, "EncryptExports")
    assert encrypt | {"Principal": reader, "Resource": "*"} == KEY  # in a key's own policy that is the key


def load_config_of(folder: Path) -> Any:
    printed(folder)
    return load_config(folder / "migration.yaml")


def test_a_role_is_assumed_by_an_operator_and_by_nobody_else() -> None:
    (trust,) = TRUST["Statement"]
    assert trust["Action"] == ["sts:AssumeRole"]
    assert set(trust["Principal"]) == {"AWS"}
    assert "*" not in trust["Principal"]["AWS"]


def test_what_the_target_reads_in_a_bucket_of_the_source_is_what_the_page_names() -> None:
    of_s3 = {s["Sid"] for s in TARGET["Statement"] if s["Action"][0].startswith("s3:")}
    assert of_s3 == {"EnterTheRegister", "FindBucket", "LookAtBucket", "ReadExports"}
    assert all(f"`{sid}`" in PAGE for sid in of_s3)


def test_the_messages_it_quotes_are_those_of_the_code() -> None:
    table = re.search(r"\| you see \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE)
    assert table
    quotes = [quote for row in table[1].splitlines() for quote in re.findall(r"`([^`]+)`", row.split("|")[1])]
    others = {"AccessDenied", "S3AccessDenied"}  # codes of AWS
    assert all(any(fits(quote, text) for text in texts()) for quote in quotes if quote not in others)
    assert len(quotes) > 4
