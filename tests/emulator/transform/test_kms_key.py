"""A key of the pseudonyms that KMS derives: the same one for all who may use it, and nowhere to be found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook_lib.aws.session.mac_key import ALGORITHM, MESSAGE, mac_client
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, ForbiddenCall
from runbook_lib.iac.iam_policy import policies_of
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.transform.step import transform_tables
from tests.support.made import derived_lines
from tests.support.markers import spellings
from tests.support.masks import email_rule, keep_rule, people
from tests.support.recorded import export_tables
from tests.support.world import World


def hmac_key(world: World, alias: str | None = None, **of: Any) -> tuple[Any, str]:
    kms = sandbox_client("kms", world.endpoint, "us-east-1")
    made = {"KeyUsage": "GENERATE_VERIFY_MAC", "KeySpec": "HMAC_256"} | of
    key = str(kms.create_key(**made)["KeyMetadata"]["KeyId"])
    if alias:
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    return kms, key


def masking(key: str) -> dict[str, Any]:
    rules = [email_rule(), keep_rule("n"), {"path": "id", "with": "keep"}]
    return {"mask": {"key": {"kms": key}, "rules": rules}}


def transformed(world: World, run_id: str, key: str) -> Run:
    run = world.open(run_id, execute=False, transform=masking(key))
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    return run


@pytest.mark.whole
def test_a_key_of_kms_masks_the_same_in_every_run_and_is_in_no_file(world: World) -> None:
    world.pair("a", people(10))
    alias = f"alias/{world.tag}"
    kms, key = hmac_key(world, alias)
    one, two = (
        transformed(world, "one", alias),
        transformed(world, "two", f"arn:aws:kms:us-east-1:111122223333:key/{key}"),
    )
    lines = derived_lines(one, world.src("a"))
    assert lines == derived_lines(two, world.src("a"))
    assert len(lines) == 10
    assert one.clients.calls.of("source")["GenerateMac"] == 1
    third = transformed(world, "three", hmac_key(world)[1])
    assert not set(lines) & set(derived_lines(third, world.src("a")))
    mac = kms.generate_mac(KeyId=key, Message=MESSAGE, MacAlgorithm=ALGORITHM)["Mac"]
    private = (mac, mac.hex().encode(), *spellings("marker.person"))
    files = [file for root in ("reports", "state") for file in (world.folder / root).rglob("*") if file.is_file()]
    assert not [(file, text) for file in files for text in private if text in file.read_bytes()]


def test_a_key_that_makes_no_macs_is_refused_by_name(world: World) -> None:
    world.pair("a", people(1))
    run = world.open(transform=masking(f"alias/{world.tag}-none"))
    preflight(run)
    with pytest.raises(ConfigError, match=f"KMS should make a MAC with alias/{world.tag}-none, an HMAC_256 key"):
        transform_tables(run)


def test_nothing_else_may_be_asked_of_kms(world: World) -> None:
    world.pair("a", people(1))
    run = world.open(transform=masking(key := hmac_key(world)[1]))
    mine, other = mac_client(run.clients, run.config.source, key), run.clients.service("source", "kms")
    own = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": ALGORITHM}
    assert len(mine.generate_mac(**own)["Mac"]) == 32
    for client, asked in (
        (other, own), (mine, own | {"Message": b"another"}), (mine, own | {"KeyId": "alias/another"}),
        (mine, own | {"MacAlgorithm": "HMAC_SHA_512"}),
    ):  # fmt: skip
        with pytest.raises(ForbiddenCall):
            client.generate_mac(**asked)
    with pytest.raises(ForbiddenCall):
        mine.decrypt(CiphertextBlob=b"x")


@pytest.mark.parametrize("key", [{}, {"kms": "alias/a", "env": "A_KEY"}, {"kms": "a key"}])
def test_a_key_comes_from_one_place(world: World, key: dict[str, str]) -> None:
    mask = masking("alias/a")
    mask["mask"]["key"] = key
    with pytest.raises(ConfigError, match=r"transform\.mask\.key"):
        load_config(world.config(transform=mask))


def test_the_sources_policy_lets_it_make_macs_with_that_key_alone(world: World) -> None:
    world.pair("a", people(1))
    found = json.loads(policies_of(world.config(transform=masking("alias/masks"))))
    of = {
        role: [s for s in found[role]["Statement"] if "kms:GenerateMac" in s["Action"]] for role in ("source", "target")
    }
    (statement,) = of["source"]
    assert statement["Resource"] == ["arn:aws:kms:us-east-1:111122223333:key/*"]
    assert statement["Condition"] == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/masks"}}
    assert "kms:GenerateMac" not in json.dumps(found["target"])
