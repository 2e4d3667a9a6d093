"""A whole run with a transform: proved against what was made of the export, and nothing raw anywhere behind it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.support.in_process import runbook_here
from tests.support.markers import spellings
from tests.support.masks import KEY_NAME, MASK_KEY, address, email_rule, keep_rule, mask, people
from tests.support.world import World, indexed_by

pytestmark = pytest.mark.whole

KEY = {KEY_NAME: MASK_KEY}


def run(
    world: World, transform: dict[str, Any], *arguments: str, code: int = 0, run_id: str = "r", **changes: Any
) -> Any:
    config = world.config(transform=transform, **changes)
    ran = runbook_here("run", config, "--run-id", run_id, "--execute", *arguments, **KEY)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return world.record(run_id)


def test_a_masked_run_is_proved_reported_and_estimated_and_counts_what_became_of_every_item(world: World) -> None:
    world.pair("a", people(60))
    keep = {"keep": "n < :most", "values": {":most": 50}}
    record = run(world, mask(email_rule(), keep_rule("n"), filter=keep))
    assert record["verdict"] == "PASS"
    (table,) = record["tables"]
    counts = {name: table[name] for name in ("items_exported", "items_filtered", "items_written", "items_in_target")}
    assert counts == {"items_exported": 60, "items_filtered": 10, "items_written": 50, "items_in_target": 50}
    assert table["transform"]["items_kept"] == 50
    assert [rule["values"] for rule in table["transform"]["rules"] if rule["path"] == "email"] == [50]
    assert (table["leak_scan"]["items"], table["leak_scan"]["hits"]) == (50, 0)
    assert record["leak_scan"]["anywhere"] == 60
    assert [step["name"] for step in record["steps"]] == [
        "preflight", "export", "transform", "import", "validate", "leak_scan", "report",
    ]  # fmt: skip
    found = world.items(world.target, world.dst("a"))
    assert {item["email"]["S"].rpartition("@")[2] for item in found} == {"example.invalid"}
    folder = world.folder / "reports" / "r"
    for page in ("report.md", "report.html"):
        said = (folder / page).read_text(encoding="utf-8")
        assert "pseudonymised, not anonymous" in said, page
        assert "*: email pseudonym" in said.replace("\\", ""), page
        assert "no raw value of a masked path was found in 1 target, looking for 60 of 60" in said, page
    # The files of what was made are written to S3 and read, beside those of the export.
    parts = {part["name"]: part["quantity"] for part in record["estimates"]["preflight"]["parts"]}
    for name, used in (("S3 PUT requests", record["spent"]["puts"]), ("S3 GET requests", record["spent"]["gets"])):
        assert parts[name]["low"] <= used <= parts[name]["high"], (name, used, parts[name])


@pytest.mark.chaos
def test_json_in_json_is_masked_and_its_values_are_looked_for(world: World) -> None:
    def order(number: int, where: str) -> dict[str, Any]:
        inside = json.dumps({where: json.dumps({"email": address(number), "n": number})})
        return {"id": {"S": f"i{number:05}"}, "payload": {"S": inside}}

    world.pair("a", [order(number, "person") for number in range(20)])
    address_rule = {"path": "email", "with": "pseudonym", "form": "email", "domain": "email"}
    person = {"path": "person", "with": "json", "rules": [address_rule, keep_rule("n")]}
    record = run(world, mask({"path": "payload", "with": "json", "rules": [person]}))
    # Of each item the address, and both texts that hold it.
    assert (record["verdict"], record["leak_scan"]["distinct"]) == ("PASS", 60)
    for item in world.items(world.target, world.dst("a")):
        held = json.loads(json.loads(item["payload"]["S"])["person"])
        assert held["email"].endswith("@example.invalid")
        assert f"i{held['n']:05}" == item["id"]["S"]


def test_what_the_command_proposes_lets_a_blocked_run_pass(world: World) -> None:
    """Pasted as it is printed; only what `runbook mask` itself says is used."""
    held = json.dumps({"person": json.dumps({"email": address(1), "n": 1}), "list": ["x", "y"]})
    world.pair("a", [item | {"payload": {"S": held}} for item in people(4)])
    blocked = run(world, mask(keep_rule("n")), code=1)
    (step,) = [step for step in blocked["steps"] if step["name"] == "transform"]
    assert "runbook mask CONFIG --propose" in step["message"]
    config = world.config(transform=mask(keep_rule("n")))
    said = runbook_here("mask", config, "--propose", **KEY)
    assert said.returncode == 0, said.stderr
    assert address(1) not in said.stdout
    rules = yaml.safe_load(said.stdout)
    assert {rule["path"] for rule in rules} == {"email", "payload"}
    assert run(world, mask(keep_rule("n"), *rules), run_id="again")["verdict"] == "PASS"


@pytest.mark.chaos
def test_two_rules_for_one_path_inside_json_are_refused_before_anything(world: World) -> None:
    world.pair("a", people(3))
    inside = [{"path": "email", "with": "drop"}, {"path": "email", "with": "keep"}]
    config = world.config(transform=mask({"path": "payload", "with": "json", "rules": inside}))
    ran = runbook_here("run", config, "--run-id", "r", "--execute", **KEY)
    assert ran.returncode == 2
    assert "two rules for the JSON at payload say what becomes of email: drop and keep" in ran.stderr
    assert not (world.folder / "reports" / "r").exists()


HOOK = """
def transform(item, context):
    if item["id"]["S"] == "i00003":
        raise ValueError(item["email"]["S"])
    return item
"""


@pytest.mark.whole
def test_neither_values_nor_the_key_are_anywhere_though_a_hook_raises_rules_fail_and_a_value_leaks(
    world: World,
) -> None:
    """With kernels of its own: their notebooks and logs are among the files."""
    plain = {"id": {"S": "i90000"}, "email": {"S": address(9)}, "n": {"N": "1"}}
    refused = [plain | {"id": {"S": "i90001"}, "ref": {"S": f"VIP/{address(8)}"}}]
    refused += [plain | {"id": {"S": "i90002"}, "payload": {"S": f'{{"a": "{address(7)}"'}}]
    world.pair("a", [*people(30), *refused, plain | {"copy": {"S": f"see {address(6)}"}}])
    (world.folder / "hooks").mkdir()
    (world.folder / "hooks" / "own.py").write_text(HOOK)
    rules = [
        email_rule(), keep_rule("n"), {"path": "copy", "with": "keep", "domain": "email"},
        {"path": "ref", "with": "template", "template": "C#{email}"},
        {"path": "payload", "with": "json", "rules": [{"path": "a", "with": "drop"}]},
    ]  # fmt: skip
    limit = {"import": {"quarantine_limit": 3}}
    config = world.config(transform=mask(*rules, hook="hooks/own.py:transform"), **limit)
    said = ""
    for step in ((), ("--only", "leak_scan")):  # the comparison fails already, so the scan is asked for by itself
        ran = world.runbook("run", config, "--run-id", "r", "--execute", *step, **KEY)
        said += ran.stdout + ran.stderr
        assert ran.returncode == 1, said
    record = world.record("r")
    assert record["totals"]["items_quarantined"] == 3
    assert record["tables"][0]["leak_scan"]["hits"] > 0
    kept = [file for root in ("reports", "state") for file in (world.folder / root).rglob("*") if file.is_file()]
    assert any(file.suffix == ".ipynb" for file in kept)
    assert any("kernel" in file.name for file in kept)
    texts = {file: file.read_bytes() for file in kept} | {"said": said.encode()}
    private = (*spellings("marker.person"), *spellings(MASK_KEY))
    assert not [(where, spelled) for where, text in texts.items() for spelled in private if spelled in text]


@pytest.mark.chaos
def test_a_rule_that_was_switched_off_is_a_leak_that_names_path_and_rule(world: World) -> None:
    world.pair("a", people(5))
    record = run(world, mask({"path": "email", "with": "keep", "domain": "email"}, keep_rule("n")), code=1)
    assert record["verdict"] == "FAIL"
    (table,) = record["tables"]
    assert table["leak_scan"]["hits"] == 5
    (reason,) = [reason for reason in table["reasons"] if "raw values" in reason]
    assert "email" in reason
    assert "email keep" in reason
    assert address(0) not in str(record)


def test_a_value_without_a_rule_blocks_before_anything_is_written(world: World) -> None:
    world.pair("a", [*people(3), {"id": {"S": "x"}, "email": {"S": address(9)}, "late": {"M": {"more": {"S": "x"}}}}])
    record = run(world, mask(email_rule(), keep_rule("n")), code=1)
    (step,) = [step for step in record["steps"] if step["name"] == "transform"]
    assert "late.more (S, 1)" in step["message"]
    assert world.items(world.target, world.dst("a")) == []


def test_two_items_with_one_key_fail_before_anything_is_written(world: World) -> None:
    world.pair("a", people(30))
    short = {"path": "id", "with": "pseudonym", "form": "digits", "length": 1}
    record = run(world, mask(short, email_rule(), keep_rule("n")), code=1)
    (step,) = [step for step in record["steps"] if step["name"] == "transform"]
    assert "items would have a key that another item has" in step["message"]
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.chaos
def test_values_of_an_index_key_that_become_one_fail_before_anything_is_written(world: World) -> None:
    """The items keep keys of their own; but the index would say that they are one person's."""
    world.pair("a", people(30), **indexed_by("email", "S"))
    short = {"path": "email", "with": "pseudonym", "form": "digits", "length": 2, "domain": "email"}
    record = run(world, mask(short, keep_rule("n")), code=1)
    (step,) = [step for step in record["steps"] if step["name"] == "transform"]
    assert re.search(r"values of keys would become one .* \(\d+ of email\)", step["message"])
    assert record["tables"][0]["transform"]["collisions"] > 0
    assert world.items(world.target, world.dst("a")) == []


def test_what_would_let_raw_items_through_is_refused_by_name(world: World) -> None:
    code = 2
    world.pair("a", people(1))
    config = world.config(transform=mask(email_rule(), keep_rule("n")), catch_up={"view": "NEW_IMAGE"})
    caught = runbook_here("catch-up", config, "--run-id", "r", **KEY)
    assert (caught.returncode, "catch_up.view should be NEW_AND_OLD_IMAGES" in caught.stderr) == (code, True)
    without = runbook_here("run", config, "--run-id", "r", **{KEY_NAME: ""})
    assert (without.returncode, KEY_NAME in without.stderr) == (code, True)
    drift = world.config(transform=mask(email_rule()), validate={"drift": True})
    refused = runbook_here("run", drift, "--run-id", "r", **KEY)
    assert (refused.returncode, "validate.drift and transform" in refused.stderr) == (code, True)


@pytest.mark.chaos
def test_tables_that_join_by_a_masked_key_still_join_by_the_index_of_the_target(world: World) -> None:
    world.pair("a", [{"id": {"S": address(n)}, "n": {"N": str(n)}} for n in range(5)])
    orders = [{"id": {"S": str(n)}, "owner": {"S": address(n % 5)}, "n": {"N": str(n % 5)}} for n in range(10)]
    world.pair("b", orders, **indexed_by("owner", "S"))
    rules = [
        email_rule("owner"), keep_rule("n"), {"table": "*-src-b", "path": "id", "with": "keep"},
        {"table": "*-src-a", "path": "id", "with": "pseudonym", "form": "email", "domain": "email"},
    ]  # fmt: skip
    run(world, {"mask": {"key": {"env": KEY_NAME}, "rules": rules}})
    owners = world.items(world.target, world.dst("a"))
    assert len(owners) == 5
    for owner in owners:
        assert owner["id"]["S"] != address(int(owner["n"]["N"]))
        query = {"KeyConditionExpression": "#o = :o", "ExpressionAttributeNames": {"#o": "owner"}}
        held = world.target.query(
            TableName=world.dst("b"), IndexName="by-owner", ExpressionAttributeValues={":o": owner["id"]}, **query
        )["Items"]
        assert [order["n"] for order in held] == [owner["n"]] * 2
