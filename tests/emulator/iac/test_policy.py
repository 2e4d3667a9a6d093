"""What `runbook policy` grants is what a migration does, on the planned tables, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from runbook_lib.aws.guard.allowed_calls import (
    SOURCE,
    SOURCE_RECOVERY,
    TARGET,
    TARGET_CANARY,
    TARGET_CREATES,
    TARGET_DELETES,
    TARGET_UNDOES,
    TARGET_WARMING,
    TARGET_WRITES,
)
from runbook_lib.aws.guard.reading_calls import REFERENCE_READS, ROLE_READS, STREAM_READS, SURROUNDING_READS
from runbook_lib.config.model import Migration
from runbook_lib.iac.iam_policy import policies, policies_of
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.iac.policy_size import INLINE_SIZE
from runbook_lib.plan.reuse import Reuse
from runbook_lib.preflight.step import preflight
from runbook_lib.sandbox import demo_config
from runbook_lib.sandbox.fleet.tables import fleet
from tests.support.in_process import runbook_here
from tests.support.policies import actions_of, assumed_role, planned, policies_for, resources_of, table_arn
from tests.support.recorded import export_tables, import_tables, try_canaries, validate_tables
from tests.support.world import ACCOUNT, World, indexed_by, things

OTHER_ACCOUNT = "4" * 12
SCALING = {f"application-autoscaling:{what}" for what in ("DescribeScalableTargets", "DescribeScalingPolicies")}
PARITY = {"dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"}
LOOKED_UP = {"dynamodb:BatchGetItem"}  # only where two readings of a scanned table differ
EXPORTER = {"s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"}
STS = {"sts:GetCallerIdentity"}
# Asked of the account and not of a table: IAM knows no resource for them.
OF_ACCOUNT = {"dynamodb:ListExports", "dynamodb:DescribeLimits", "lambda:ListEventSourceMappings"}
SIMULATE = {"iam:SimulatePrincipalPolicy"}
# Who writes to a table names the register of its writers, and enters it in the staging bucket.
NAMES_REGISTER = {"dynamodb:TagResource"}
REGISTER = "arn:aws:s3:::runbook-staging/exports/register/*"
KEY = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
REUSED = Reuse("s3://old/x/AWSDynamoDB/01-a/", "arn:export", "old", "x/AWSDynamoDB/01-a/", "users")


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    return any(fnmatchcase(resource, pattern) for pattern in resources_of(policy, action))


def as_actions(calls: dict[str, int], service: str = "dynamodb") -> set[str]:
    """The permissions behind the calls that a run counted; those of STS and S3 have other names."""
    known = {
        "GetCallerIdentity": "sts:GetCallerIdentity",
        "HeadBucket": "s3:ListBucket",
        "GetBucketEncryption": "s3:GetEncryptionConfiguration",
        "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
        "ListEventSourceMappings": "lambda:ListEventSourceMappings",
    }
    return {known.get(call, f"{service}:{call}") for call in calls}


@pytest.mark.whole
def test_a_migration_makes_every_call_that_is_granted_and_no_other(world: World) -> None:
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
    world.pair("exported", things(30), **stream)
    world.pair("scanned", things(20), pitr=False, **indexed_by("n", "N"))
    canary = {"validate": {"canary": True}, "references": {"in_preflight": False}}
    granted = json.loads(policies_of(world.config(**canary)))
    run = world.open(**canary)
    preflight(run)
    export_tables(run)
    import_tables(run)
    world.target.delete_item(TableName=world.dst("scanned"), Key={"id": {"S": "i00001"}})
    try_canaries(run)
    validate_tables(run)
    calls = run.clients.calls
    made_on_source, made_on_target = as_actions(calls.of("source")), as_actions(calls.of("target"))
    staging = as_actions(calls.of("staging"), "s3")
    assert actions_of(granted["source"]) == made_on_source | EXPORTER | SCALING | LOOKED_UP
    staging.discard("s3:ListObjectsV2")  # the permission for it is s3:ListBucket
    assert actions_of(granted["target"]) == made_on_target | staging | SCALING
    exported, scanned = (table_arn(world.src(name)) for name in ("exported", "scanned"))
    assert resources_of(granted["source"], "dynamodb:Scan") == {scanned}
    assert resources_of(granted["source"], "dynamodb:ExportTableToPointInTime") == {exported}
    assert resources_of(granted["source"], "dynamodb:DescribeExport") == {f"{exported}/export/*"}
    assert allows(granted["source"], "dynamodb:DescribeExport", run.ledger.get("export", world.src("exported"))["arn"])
    for row in run.ledger.rows("SELECT key FROM file"):
        assert allows(granted["target"], "s3:GetObject", f"arn:aws:s3:::{world.bucket}/{row['key']}")


def test_policies_and_guards_know_the_same_operations() -> None:
    found = policies_for(planned("a", "export"), planned("b", "scan"))
    assert {a for a in actions_of(found["source"]) if not a.startswith(("s3:", "kms:"))} == SOURCE
    writes = TARGET_WRITES | NAMES_REGISTER
    assert {a for a in actions_of(found["target"]) if not a.startswith(("s3:", "kms:"))} == TARGET | writes
    tried = policies_for(planned("a", "export"), validate={"canary": True})
    assert {
        a for a in actions_of(tried["target"]) if not a.startswith(("s3:", "kms:"))
    } == TARGET | writes | TARGET_CANARY
    assert resources_of(tried["target"], "dynamodb:DeleteItem") == {table_arn("a-new", "us-east-2")}
    assert resources_of(tried["target"], "dynamodb:Query") == {table_arn("a-new", "us-east-2") + "/index/*"}
    unasked = policies_for(planned("a", "export"), validate={"index_samples": 0})
    assert "dynamodb:Query" not in actions_of(unasked["target"])


def test_who_names_a_table_is_asked_by_exactly_the_calls_that_the_guard_lists() -> None:
    """API Gateway has one action for all that is read, by the path of what it is."""
    apis = {"apigateway:GET"}
    without = policies_for(planned("a", "export"))
    for roles, listed in ((False, REFERENCE_READS), (True, REFERENCE_READS | ROLE_READS)):
        found = policies_for(planned("a", "export"), references={"in_preflight": True, "roles": roles})
        calls = {call for call in listed if not call.startswith("apigateway")} | apis
        for side in ("source", "target"):
            more = actions_of(found[side]) - actions_of(without[side])
            assert more | actions_of(without[side]) & calls == calls
            asked_of = resources_of(found[side], "apigateway:GET")
            assert len(asked_of) == 4
            assert "*" not in asked_of


def test_surroundings_are_read_by_exactly_the_calls_that_the_guard_lists() -> None:
    assert "surroundings" not in policies_for(planned("a", "export"))
    found = policies_for(planned("a", "export"), surroundings={"queues": ["*"]})["surroundings"]
    assert actions_of(found) == SURROUNDING_READS
    assert not any("Receive" in action or "GetLogEvents" in action for action in actions_of(found))


def test_a_function_is_invoked_only_where_a_probe_names_it() -> None:
    assert "lambda:InvokeFunction" not in actions_of(policies_for(planned("a", "export"))["target"])
    elsewhere = "arn:aws:lambda:eu-west-1:111122223333:function:orders:live"
    probes = [{"name": name, "lambda": {"function": name}} for name in ("orders", elsewhere)]
    found = policies_for(planned("a", "export"), hooks={"smoke": probes[:1], "freeze": probes[1:]})
    own = "arn:aws:lambda:us-east-2:111122223333:function:orders"
    assert resources_of(found["target"], "lambda:InvokeFunction") == {own, elsewhere}
    assert "lambda:InvokeFunction" not in actions_of(found["source"])


def test_what_must_be_asked_for_by_name_is_granted_for_those_tables_alone() -> None:
    changes = {"export": {"enable_pitr": ["a"]}, "import": {"warm_throughput": {"b-new": 9_000}}}
    found = policies_for(planned("a", "scan", recovery=True), planned("b", "export"), planned("c", "scan"), **changes)
    assert resources_of(found["source"], "dynamodb:UpdateContinuousBackups") == {table_arn("a")}
    assert resources_of(found["source"], "dynamodb:ExportTableToPointInTime") == {table_arn("a"), table_arn("b")}
    assert resources_of(found["source"], "dynamodb:Scan") == {
        table_arn("a"),
        table_arn("c"),
    }  # a dry run scans what is not yet on
    assert resources_of(found["target"], "dynamodb:UpdateTable") == {table_arn("b-new", "us-east-2")}
    for side in ("source", "target"):
        others = actions_of(policies_for(planned("a", "export"))[side])
        assert not others & (SOURCE_RECOVERY | TARGET_WARMING)


def test_creating_and_removing_are_granted_where_the_migration_file_has_them() -> None:
    created = policies_for(planned("a", "export"), tables={"create_missing": True})
    assert actions_of(created["target"], "dynamodb:") >= TARGET_CREATES
    undoes = TARGET_UNDOES | {"dynamodb:UntagResource"}
    assert actions_of(created["cleanup"], "dynamodb:") == TARGET_DELETES | undoes
    plain = policies_for(planned("a", "export"))
    assert actions_of(plain["target"]) & TARGET_CREATES == NAMES_REGISTER
    assert resources_of(plain["cleanup"], "s3:DeleteObject") == {"arn:aws:s3:::runbook-staging/exports/*", REGISTER}
    assert actions_of(plain["cleanup"]) == {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"} | undoes


def test_a_role_may_ask_iam_about_itself_only() -> None:
    found = policies_for(planned("a", "export"))
    for side in ("source", "target"):
        assert resources_of(found[side], "iam:SimulatePrincipalPolicy") == {f"arn:aws:iam::{ACCOUNT}:role/r"}
    role = f"arn:aws:iam::{ACCOUNT}:role/path/reader"
    found = policies_for(planned("a", "export"), source={"role_arn": role})
    assert resources_of(found["source"], "iam:SimulatePrincipalPolicy") == {role}


def test_nothing_but_the_planned_targets_can_be_written() -> None:
    found = policies_for(
        planned("a", "export"), planned("b", "scan"), planned("c", "skip"), planned("d", "reuse", reuse=REUSED)
    )
    targets = {table_arn(f"{name}-new", "us-east-2") for name in "abd"}
    assert resources_of(found["target"], "dynamodb:BatchWriteItem") == targets
    writing = {"dynamodb:BatchWriteItem", "s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"}
    assert not actions_of(found["source"], "dynamodb:") & writing
    for side in ("source", "target"):
        for statement in found[side]["Statement"]:
            assert statement["Sid"].isalnum()
            assert ("*" in statement["Resource"]) == bool({*statement["Action"]} & (STS | SCALING))


def test_a_skipped_table_is_looked_at_and_no_more() -> None:
    found = policies_for(planned("a", "skip"))
    assert resources_of(found["source"], "dynamodb:DescribeTable") == {table_arn("a")}
    looks = {f"dynamodb:{name}" for name in ("ListTables", "DescribeTable", "DescribeContinuousBackups")}
    assert actions_of(found["source"]) == looks | PARITY | SCALING | STS | SIMULATE
    of_target = {f"dynamodb:{name}" for name in ("DescribeLimits", "DescribeTable", "DescribeTimeToLive")}
    of_target |= {"dynamodb:DescribeContinuousBackups", "dynamodb:DescribeKinesisStreamingDestination"}
    assert actions_of(found["target"], "dynamodb:") == of_target | {"dynamodb:Scan"}
    append = policies_for(planned("a", "skip"), **{"import": {"on_non_empty": "append"}})
    assert actions_of(append["target"], "dynamodb:") == of_target
    assert any("a are not read" in note for note in found["notes"])


def test_a_table_that_blocks_the_run_is_granted_what_comes_after_the_block() -> None:
    found = policies_for(planned("a", "fail"))
    assert resources_of(found["source"], "dynamodb:ExportTableToPointInTime") == {table_arn("a")}
    assert any("a are in the way" in note for note in found["notes"])


def test_a_bucket_is_written_by_the_target_only_for_scans() -> None:
    assert resources_of(policies_for(planned("a", "export"))["target"], "s3:PutObject") == {REGISTER}
    found = policies_for(planned("a", "scan"))
    assert resources_of(found["target"], "s3:PutObject") == {"arn:aws:s3:::runbook-staging/exports/*", REGISTER}
    assert not actions_of(found["source"], "s3:")


def test_streams_are_read_by_exactly_the_calls_that_the_guard_lists_and_only_where_they_are_followed() -> None:
    calls = {f"dynamodb:{call.partition(':')[2]}" for call in STREAM_READS}
    grants = planned("a", "export"), planned("b", "scan"), planned("c", "skip")
    by_windows = policies_for(*grants)["source"]
    found = policies_for(*grants, catch_up={"by": "streams"})
    assert actions_of(found["source"]) - actions_of(by_windows) == calls
    assert all(resources_of(found["source"], call) == {f"{table_arn('a')}/stream/*"} for call in calls)
    assert not any(action.endswith("UpdateTable") for action in actions_of(found["source"]))
    followed = policies_for(planned("a", "export"), catch_up={"by": "streams"})
    assert "arn:aws:s3:::runbook-staging/exports/*" in resources_of(followed["target"], "s3:PutObject")


@pytest.mark.parametrize("reference", ["s3://old/x/AWSDynamoDB/01-b/", f"{table_arn('b')}/export/01-b"])
def test_whoever_takes_an_earlier_export_may_ask_whether_it_is_whole(reference: str) -> None:
    reused = replace(REUSED, reference=reference, arn=f"{table_arn('b')}/export/01-b")
    assert resources_of(policies_for(planned("b", "reuse", reuse=reused))["source"], "dynamodb:DescribeExport") == {
        reused.arn
    }
    scanned = replace(reused, arn=f"{table_arn('b')}/scan/01-b")
    assert not resources_of(policies_for(planned("b", "reuse", reuse=scanned))["source"], "dynamodb:DescribeExport")


def test_an_earlier_export_is_read_where_it_lies_and_nothing_is_exported() -> None:
    by_arn = replace(
        REUSED,
        reference=f"{table_arn('b')}/export/01-b",
        arn=f"{table_arn('b')}/export/01-b",
        folder="y/AWSDynamoDB/01-b/",
    )
    gone = TablePermissions("b", None, table_arn("b-new", "us-east-2"), "reuse", reuse=by_arn)
    found = policies_for(planned("a", "reuse", reuse=REUSED), gone)
    assert resources_of(found["target"], "s3:GetObject") == {
        "arn:aws:s3:::old/x/AWSDynamoDB/01-a/*", "arn:aws:s3:::old/y/AWSDynamoDB/01-b/*", REGISTER,
        "arn:aws:s3:::old/x/register/exports/01-a/*", "arn:aws:s3:::old/y/register/exports/01-b/*",
    }  # fmt: skip
    assert resources_of(found["target"], "s3:ListBucket") == {"arn:aws:s3:::old", "arn:aws:s3:::runbook-staging"}
    assert resources_of(found["source"], "dynamodb:DescribeExport") == {f"{table_arn('b')}/export/01-b"}
    assert resources_of(found["source"], "dynamodb:DescribeTable") == {table_arn("a")}
    assert not actions_of(found["source"], "s3:")
    assert "dynamodb:ExportTableToPointInTime" not in actions_of(found["source"])


@pytest.mark.parametrize("run", ["", "first"])
def test_whoever_takes_an_earlier_export_may_say_so_beside_it_and_take_that_back(run: str) -> None:
    window = replace(REUSED, folder="x/AWSDynamoDB/01-w/", run=run)
    found = policies_for(planned("a", "reuse", reuse=replace(REUSED, run=run, windows=(window,))))
    entries = {f"arn:aws:s3:::old/x/register/exports/{export}/*" for export in ("01-a", "01-w")}
    assert entries <= resources_of(found["target"], "s3:GetObject")
    assert resources_of(found["target"], "s3:PutObject") == {*entries, REGISTER}
    assert entries <= resources_of(found["cleanup"], "s3:DeleteObject")
    assert not resources_of(found["cleanup"], "s3:PutObject")  # it has no exports of its own


def test_a_bucket_without_prefix_is_granted_whole() -> None:
    found = policies_for(planned("a", "export"), staging={"prefix": ""})
    assert resources_of(found["source"], "s3:PutObject") == {"arn:aws:s3:::runbook-staging/*"}


def test_staging_with_credentials_of_its_own_has_a_policy_of_its_own() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/staging"
    found = policies_for(planned("a", "scan"), staging={"role_arn": role})
    assert not actions_of(found["target"], "s3:")
    looks = {"s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration"}
    assert actions_of(found["staging"]) == looks | {"s3:ListBucket", "s3:GetObject", "s3:PutObject"}
    assert any("of its own" in note for note in found["notes"])
    assert "staging" not in policies_for(planned("a", "scan"))


@pytest.mark.parametrize("given", [KEY, KEY.rpartition("/")[2]])
def test_a_key_of_the_bucket_may_encrypt_for_the_exporter_and_be_used_by_the_target(given: str) -> None:
    found = policies_for(planned("a", "export"), staging={"kms_key_id": given})
    assert resources_of(found["source"], "kms:GenerateDataKey") == {KEY}
    assert actions_of(found["target"], "kms:") == {"kms:Decrypt", "kms:GenerateDataKey"}  # for the register's entries
    assert resources_of(found["target"], "kms:Decrypt") == {KEY}
    scanned = policies_for(planned("a", "scan"), staging={"kms_key_id": given})
    assert actions_of(scanned["target"], "kms:") == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert not actions_of(scanned["source"], "kms:")


def test_a_key_given_by_its_alias_is_named_by_a_condition() -> None:
    for given in ("alias/exports", f"arn:aws:kms:us-east-2:{ACCOUNT}:alias/exports"):
        found = policies_for(planned("a", "export"), staging={"kms_key_id": given})
        (statement,) = [s for s in found["target"]["Statement"] if "kms:Decrypt" in s["Action"]]
        assert statement["Resource"] == [f"arn:aws:kms:us-east-2:{ACCOUNT}:key/*"]
        assert statement["Condition"] == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/exports"}}


def test_keys_of_encrypted_tables_may_be_used() -> None:
    found = policies_for(
        planned("a", "export", source_key=KEY, target_key=KEY),
        planned("b", "skip", source_key="x", target_key="x"),
    )
    assert resources_of(found["source"], "kms:Decrypt") == {KEY}
    assert resources_of(found["target"], "kms:Encrypt") == {KEY}


def test_accounts_and_partitions_are_those_of_the_sides() -> None:
    found = policies_for(planned("a", "export"), target=assumed_role("us-east-2", OTHER_ACCOUNT))
    assert any("More than one account" in note for note in found["notes"])
    china = assumed_role("cn-north-1", partition="aws-cn")
    config = Migration.model_validate(demo_config("https://aws"))
    found = policies(config, [planned("a", "export")], china, china)
    assert resources_of(found["source"], "s3:PutObject") == {"arn:aws-cn:s3:::runbook-staging/exports/*"}


def test_the_reference_fleet_fits_a_role() -> None:
    grants = [
        TablePermissions(t.source, table_arn(t.source), table_arn(t.target, "us-east-2"), method)
        for t in fleet()
        for method in ["export" if t.point_in_time_recovery else "scan"]
    ]
    found = policies_for(*grants)
    for side in ("source", "target"):
        assert len("".join(json.dumps(found[side]).split())) < INLINE_SIZE
    assert any(note.startswith("source: ") for note in found["notes"])


@pytest.mark.chaos
def test_the_command_prints_both_policies_and_asks_for_nothing_to_be_there(world: World) -> None:
    world.table(world.source, world.src("only"))
    done = runbook_here("policy", world.config(staging={"bucket": "not-there"}))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["source", "target", "cleanup", "notes"]
    assert resources_of(found["target"], "dynamodb:BatchWriteItem") == {table_arn(world.dst("only"), "us-east-2")}


PLACE = {"bucket": "staging", "region": "us-east-2", "prefix": "exports"}
KEPT = {"filter": {"keep": "attribute_exists(pk)"}}


@pytest.mark.parametrize(("more", "places"), [({}, ("",)), ({"transform": KEPT}, ("", "derived/"))])
def test_a_cleanup_may_put_a_mark_beside_the_exports_that_it_takes_away(
    more: dict[str, Any], places: tuple[str, ...]
) -> None:
    found = policies_for(planned("a", "export"), staging=PLACE, **more)
    marks = {f"arn:aws:s3:::staging/exports/{place}register/exports/*" for place in places}
    for action in ("s3:GetObject", "s3:PutObject"):
        assert resources_of(found["cleanup"], action) == marks
    assert all(allows(found["cleanup"], "s3:DeleteObject", mark) for mark in marks)


@pytest.mark.parametrize(
    ("transform", "derived"),
    [
        (KEPT, "arn:aws:s3:::staging/exports/derived/*"),
        (KEPT | {"staging": {"bucket": "masked", "region": "us-east-2"}}, "arn:aws:s3:::masked/*"),
    ],
)
@pytest.mark.parametrize("strategy", ["batch_write", "import_table"])
def test_with_a_transform_no_role_of_the_target_can_read_the_exports(
    transform: dict[str, Any], derived: str, strategy: str
) -> None:
    changes = {"transform": transform, "import": {"strategy": strategy}, "staging": PLACE}
    found = policies_for(planned("a", "export"), planned("b", "scan"), **changes)
    raw = "arn:aws:s3:::staging/exports/AWSDynamoDB/01-a/data/a.json.gz"
    for action in ("s3:GetObject", "s3:PutObject"):
        assert not allows(found["target"], action, raw)
        assert allows(found["source"], action, raw)
        assert allows(found["target"], action, derived.replace("*", "AWSDynamoDB/01-a/data/a.json.gz"))
    assert "staging" not in found


def test_with_a_transform_each_bucket_may_have_an_identity_of_its_own() -> None:
    place = {"bucket": "masked", "region": "us-east-2", "profile": "masking"}
    found = policies_for(
        planned("a", "export"), transform=KEPT | {"staging": place}, staging=PLACE | {"profile": "raw"}
    )
    assert resources_of(found["derived"], "s3:GetObject") == {
        "arn:aws:s3:::masked/*", "arn:aws:s3:::masked/register/*",
    }  # fmt: skip
    assert resources_of(found["staging"], "s3:GetObject") == {"arn:aws:s3:::staging/exports/*"}
    assert not resources_of(found["target"], "s3:GetObject")
    assert not resources_of(found["source"], "s3:GetObject")
