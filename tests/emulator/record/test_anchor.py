"""The anchor of a seal: the digest that stays as it was, whoever seals the folder again."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.aws.s3.anchors import COMPLIANCE, versions_under
from runbook_lib.aws.session.granted_calls import anchor_client
from runbook_lib.aws.session.identity import Identity
from runbook_lib.cli import run_cli
from runbook_lib.config.model import Migration, load_config
from runbook_lib.errors import ConfigError, ForbiddenCall
from runbook_lib.iac.iam_policy import policies
from runbook_lib.record.anchor import Anchor
from runbook_lib.record.anchor_check import hold_to_anchor
from runbook_lib.report.publish import publish
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.unfinished import SUMS
from runbook_lib.sandbox import demo_config
from tests.support.in_process import runbook_here
from tests.support.liar import Request, between
from tests.support.sealed_run import passed_run
from tests.support.world import ACCOUNT, World, things

BESIDE = f"{SUMS}.anchor"
Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    def ask(folder: Path, config: Path | None = None) -> tuple[int, str]:
        code = run_cli(["verify", str(folder), *(["--config", str(config)] if config else [])])
        said = capsys.readouterr()
        return code, said.out + said.err

    return ask


def lock(world: World, mode: str | None = COMPLIANCE, name: str = "locked") -> str:
    """A bucket with an Object Lock, and a default retention if a mode is given."""
    bucket = f"{world.tag}-{name}"
    place = {"LocationConstraint": "us-east-2"}
    world.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    if mode:
        rule = {"DefaultRetention": {"Mode": mode, "Days": 3}}
        world.s3.put_object_lock_configuration(
            Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    return bucket


def asking(world: World, bucket: str, **report: Any) -> Path:
    """A migration file that asks for an anchor in a bucket."""
    return world.config(staging={"bucket": bucket, "prefix": "exports"}, report={"anchor": "s3"} | report)


def sealed(world: World, config: Path, name: str = "r") -> Path:
    """A run that passed, published with the anchor that the file asks for."""
    folder = world.folder / "reports" / name
    shutil.copytree(passed_run(), folder)
    again(folder, config)
    return folder


def again(folder: Path, config: Path) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    publish(folder, ledger, folder.name, "test", anchor=Anchor.of(load_config(config), folder.name))
    ledger.close()


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()


def beside(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / BESIDE).read_text())
    return data


def record(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return data


def objects(world: World, bucket: str) -> dict[str, bytes]:
    found = world.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {o["Key"]: world.s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in found}


def seal_by_hand(folder: Path) -> None:
    """As a forger does, who leaves out what stands beside a seal."""
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((SUMS, "."))]
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder).as_posix()}" for f in sorted(files)]
    (folder / SUMS).write_text("\n".join(lines) + "\n")


def forge(folder: Path, text: str = "all went well") -> None:
    """Another seal over a folder that verifies but for its anchor, as one does of which all is made anew."""
    (folder / "kernel.log").write_text(f"{text}\n")
    (folder / "ledger.sqlite").unlink()  # with one it is the same, and takes longer
    seal_by_hand(folder)


def put(world: World, bucket: str, folder: Path) -> str:
    """Anchor a seal as a forger does who may write to a bucket; the version."""
    key, body = f"exports/anchors/{folder.name}/{digest(folder)}", f"{digest(folder)}  {SUMS}\n".encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    return str(world.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentMD5=md5).get("VersionId"))


@pytest.mark.whole
def test_the_digest_of_the_seal_is_locked_in_the_bucket_and_the_folder_is_held_to_it(
    world: World, verify: Verify
) -> None:
    bucket = lock(world)
    config = asking(world, bucket)
    folder = sealed(world, config)
    key = f"exports/anchors/r/{digest(folder)}"
    assert set(objects(world, bucket)) == {key}
    (folder.parent / "anchor.txt").write_bytes(objects(world, bucket)[key])
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "../anchor.txt"], cwd=folder, check=False)
    assert checked.returncode == 0
    said = beside(folder)
    version = world.s3.head_object(Bucket=bucket, Key=key)
    assert (said["state"], said["bucket"], said["key"], said["sha256"]) == ("anchored", bucket, key, digest(folder))
    assert (said["version_id"], said["lock"]) == (version["VersionId"], COMPLIANCE)
    assert datetime.fromisoformat(said["until"]) > datetime.now(UTC) + timedelta(days=2)
    assert record(folder)["anchor"] == {
        "place": f"s3://{bucket}/exports/anchors/r/", "lock": COMPLIANCE, "period": "3 days", "why": None,
    }  # fmt: skip
    for page in ("report.html", "report.md"):
        assert "under Object Lock (COMPLIANCE, 3 days)" in (folder / page).read_text()
    code, text = verify(folder, config)
    assert code == 0, text
    assert "the same to the byte" in text
    assert f"is anchored at s3://{bucket}/{key}, version {said['version_id']}, under Object Lock" in text


def test_without_the_askers_file_nothing_is_asked_and_it_says_so(world: World, verify: Verify) -> None:
    folder = sealed(world, asking(world, lock(world)))
    before = world.requests("GetObject"), world.requests("ListObjects")
    code, text = verify(folder)
    assert code == 0, text
    assert "The anchor was not looked at" in text
    assert (world.requests("GetObject"), world.requests("ListObjects")) == before


@pytest.mark.parametrize("way", ["itself", "link"])
def test_the_file_of_a_folder_does_not_say_where_to_look(world: World, verify: Verify, way: str) -> None:
    config = asking(world, lock(world))
    folder = sealed(world, config)
    shutil.copy(config, folder / "migration.yaml")
    again(folder, config)
    given = folder / "migration.yaml"
    if way == "link":
        given = world.folder / "link.yaml"
        given.symlink_to(folder / "migration.yaml")
    before = world.requests("GetObject"), world.requests("ListObjects")
    code, text = verify(folder, given)
    assert code == 2, text
    assert "as you keep it" in text
    assert (world.requests("GetObject"), world.requests("ListObjects")) == before


def test_a_file_without_an_anchor_is_a_wrong_argument(world: World, verify: Verify) -> None:
    folder = sealed(world, asking(world, lock(world)))
    code, text = verify(folder, world.config())
    assert code == 2
    assert "expected report.anchor: s3" in text
    assert "leave --config out" in text


def test_days_of_the_file_lock_where_the_bucket_has_no_days(world: World, verify: Verify) -> None:
    config = asking(world, lock(world, mode=None), anchor_days=30)
    folder = sealed(world, config)
    said = beside(folder)
    assert (said["state"], said["lock"]) == ("anchored", COMPLIANCE)
    left = datetime.fromisoformat(said["until"]) - datetime.now(UTC)
    assert timedelta(days=29) < left < timedelta(days=31)
    assert verify(folder, config)[0] == 0


@pytest.mark.parametrize(
    ("kind", "lock_said", "words"),
    [("none", "none", "the bucket has no Object Lock"), ("without days", "no retention", "no default retention")],
)
def test_without_a_lock_nothing_is_put_and_everything_says_so(
    world: World, verify: Verify, kind: str, lock_said: str, words: str
) -> None:
    bucket = world.bucket if kind == "none" else lock(world, mode=None)
    config = asking(world, bucket)
    folder = sealed(world, config)
    assert objects(world, bucket) == {}
    assert (record(folder)["verdict"], record(folder)["anchor"]["lock"]) == ("PASS", lock_said)
    assert (beside(folder)["state"], words in beside(folder)["why"]) == ("not anchored", True)
    for page in ("report.html", "report.md"):
        assert words in (folder / page).read_text()
    assert verify(folder)[0] == 0
    code, text = verify(folder, config)
    assert (code, "no anchor of this seal" in text) == (1, True), text


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "GetBucket:object-lock"])
def test_an_anchor_that_is_denied_changes_no_verdict_and_is_said(world: World, verify: Verify, operation: str) -> None:
    config = asking(world, lock(world))
    world.fault(operation=operation, kind="denied")
    folder = sealed(world, config)
    assert record(folder)["verdict"] == "PASS"
    assert (beside(folder)["state"], "AccessDenied" in beside(folder)["why"]) == ("not anchored", True)
    assert beside(folder)["sha256"] == digest(folder)
    assert verify(folder)[0] == 0
    code, _ = verify(folder, config)
    assert code == 1


def test_an_answer_that_is_lost_is_asked_for_again(world: World, verify: Verify) -> None:
    config = asking(world, lock(world))
    world.fault(operation="PutObject", kind="lost-reply", times=1)
    folder = sealed(world, config)
    assert beside(folder)["state"] == "anchored"
    assert beside(folder)["version_id"]
    assert verify(folder, config)[0] == 0


def test_a_server_that_only_says_it_has_put_it_is_not_believed(world: World) -> None:
    with between(world.endpoint) as liar:
        liar.instead = lambda request: (200, b"") if request.method == "PUT" else None
        bucket = lock(world)
        staging = {"bucket": bucket, "prefix": "exports", "endpoint_url": liar.endpoint}
        folder = sealed(world, world.config(staging=staging, report={"anchor": "s3"}))
    assert (beside(folder)["state"], "read back" in beside(folder)["why"]) == ("not anchored", True)


def test_no_call_of_the_anchor_is_counted_with_those_of_the_run(world: World) -> None:
    folder = sealed(world, asking(world, lock(world)))
    assert record(folder)["staging_calls"] == {}
    ledger = Ledger(folder / "ledger.sqlite")
    assert ledger.calls("staging") == {}
    ledger.close()


def test_a_file_that_asks_no_more_leaves_no_word_of_an_anchor(world: World, verify: Verify) -> None:
    folder = sealed(world, asking(world, lock(world)))
    again(folder, world.config())
    assert record(folder)["anchor"] is None
    assert not (folder / BESIDE).exists()
    assert "Object Lock" not in (folder / "report.html").read_text()
    code, text = verify(folder)
    assert code == 0, text
    assert "its run asked for none" in text  # nobody is sent to look for what there is not
    assert "--config" not in text


def _left(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    """What stood beside the seal is left as it was."""
    (folder / BESIDE).write_text(json.dumps(said))


def _gone(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    (folder / BESIDE).unlink(missing_ok=True)


def _rewritten(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    """It names the new digest, and the version of the old one."""
    key = f"exports/anchors/r/{digest(folder)}"
    (folder / BESIDE).write_text(json.dumps(said | {"sha256": digest(folder), "key": key}))


def _denied(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    more = {"sha256": digest(folder), "state": "not anchored", "version_id": None, "why": "AccessDenied"}
    (folder / BESIDE).write_text(json.dumps(said | more))


def _elsewhere(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    """It names a bucket of the forger's own, with an anchor as it should be."""
    other = lock(world, name="other")
    more = {"sha256": digest(folder), "bucket": other, "version_id": put(world, other, folder)}
    (folder / BESIDE).write_text(json.dumps(said | more))


def _of_old_key(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    """It names the new digest, with the place of the old one."""
    (folder / BESIDE).write_text(json.dumps(said | {"sha256": digest(folder)}))


def _other_body(world: World, bucket: str, folder: Path, said: dict[str, Any]) -> None:
    """Something lies under the new digest's name that is no such anchor."""
    key, old = f"exports/anchors/r/{digest(folder)}", f"{said['sha256']}  {SUMS}\n".encode()
    md5 = base64.b64encode(hashlib.md5(old).digest()).decode()
    version = world.s3.put_object(Bucket=bucket, Key=key, Body=old, ContentMD5=md5)["VersionId"]
    (folder / BESIDE).write_text(json.dumps(said | {"sha256": digest(folder), "version_id": version}))


COVERS = (_left, _gone, _rewritten, _denied, _elsewhere, _of_old_key, _other_body)


@pytest.mark.parametrize("listing", [True, False], ids=["listed", "not listed"])
def test_a_folder_that_was_sealed_again_after_it_was_anchored_is_found(
    world: World, verify: Verify, listing: bool
) -> None:
    bucket = lock(world)
    config = asking(world, bucket)
    first = sealed(world, config)
    if not listing:
        world.fault(operation="GetBucket:versions", kind="denied")
    for cover in COVERS:
        folder = world.folder / cover.__name__ / "r"
        shutil.copytree(first, folder)
        said = beside(folder)
        forge(folder, cover.__name__)
        cover(world, bucket, folder, said)
        if cover is not _left and listing:
            assert verify(folder)[0] == 0  # whoever does not ask the bucket does not hear of it
        code, text = verify(folder, config)
        assert code == 1, (cover, text)
        assert "sealed again" in text or "no anchor of this seal" in text, (cover, text)


def test_what_stands_beside_a_seal_of_another_one_is_found_without_the_bucket(world: World, verify: Verify) -> None:
    folder = sealed(world, asking(world, lock(world)))
    forge(folder)
    code, text = verify(folder)
    assert (code, "was sealed again after it was anchored" in text) == (1, True), text
    (folder / BESIDE).write_text("[" * 70_000)
    assert verify(folder)[0] == 1


@pytest.mark.chaos
def test_an_anchor_covered_by_a_delete_marker_or_a_newer_version_still_holds(world: World, verify: Verify) -> None:
    bucket = lock(world)
    config = asking(world, bucket)
    folder = sealed(world, config)
    key = beside(folder)["key"]
    with pytest.raises(world.s3.exceptions.ClientError, match="Access Denied"):
        world.s3.delete_object(Bucket=bucket, Key=key, VersionId=beside(folder)["version_id"])
    world.s3.delete_object(Bucket=bucket, Key=key)
    assert verify(folder, config)[0] == 0
    (folder / BESIDE).unlink()  # the version is found by its name too
    assert verify(folder, config)[0] == 0
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    world.s3.put_object(Bucket=bucket, Key=key, Body=b"other", ContentMD5=md5)
    code, text = verify(folder, config)
    assert code == 0, text


def test_versions_of_one_second_are_told_apart_by_their_order(world: World) -> None:
    bucket = lock(world)
    ids = []
    for number in range(12):  # put in less than a few seconds, so that many share one
        md5 = base64.b64encode(hashlib.md5(b"%d" % number).digest()).decode()
        ids.append(world.s3.put_object(Bucket=bucket, Key="one", Body=b"%d" % number, ContentMD5=md5)["VersionId"])
    assert [version.id for version in versions_under(world.s3, bucket, "one", None)] == ids


def test_a_version_that_was_removed_and_put_again_is_another(world: World, verify: Verify) -> None:
    bucket = lock(world, mode="GOVERNANCE")
    config = asking(world, bucket)
    folder = sealed(world, config)
    said = beside(folder)
    assert said["lock"] == "GOVERNANCE"
    of = {"Bucket": bucket, "Key": said["key"], "VersionId": said["version_id"]}
    world.s3.delete_object(**of, BypassGovernanceRetention=True)
    assert verify(folder, config)[0] == 1
    put(world, bucket, folder)
    code, text = verify(folder, config)
    assert (code, said["version_id"] in text) == (1, True), text


@pytest.mark.whole
def test_each_seal_is_anchored_and_the_folder_of_an_earlier_one_is_no_longer_the_last(
    world: World, verify: Verify
) -> None:
    bucket = lock(world)
    config = asking(world, bucket)
    folder = sealed(world, config)
    earlier = folder.parent / "earlier" / "r"
    shutil.copytree(folder, earlier)
    assert verify(earlier, config)[0] == 0
    time.sleep(1.1)  # S3 counts in seconds
    again(folder, config)
    assert len(objects(world, bucket)) == 2
    assert beside(folder)["sha256"] == digest(folder) != digest(earlier)
    code, text = verify(folder, config)
    assert (code, "of 2 anchored seals of this run it is the last" in text) == (0, True), text
    code, text = verify(earlier, config)
    assert (code, "was sealed again since" in text) == (1, True), text
    time.sleep(1.1)
    said = beside(earlier)
    body = world.s3.get_object(Bucket=bucket, Key=said["key"])["Body"].read()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    version = world.s3.put_object(Bucket=bucket, Key=said["key"], Body=body, ContentMD5=md5)["VersionId"]
    (earlier / BESIDE).write_text(json.dumps(said | {"version_id": version}))
    code, text = verify(earlier, config)  # the old one, put once more, is no later one
    assert (code, "was sealed again since" in text) == (1, True), text
    world.fault(operation="GetBucket:versions", kind="denied")
    code, text = verify(earlier, config)
    assert (code, "cannot be listed" in text) == (0, True), text


@pytest.mark.chaos
def test_runs_of_other_names_do_not_count(world: World, verify: Verify) -> None:
    config = asking(world, lock(world))
    folder, other = sealed(world, config), sealed(world, config, "r-2")
    assert "of 1 anchored seals" in verify(folder, config)[1]
    assert "of 1 anchored seals" in verify(other, config)[1]


def test_a_run_id_that_is_none_is_no_name_of_an_anchor(world: World, verify: Verify) -> None:
    config = asking(world, lock(world))
    folder = sealed(world, config)
    (folder / "ledger.sqlite").unlink()
    (folder / BESIDE).unlink()
    before = world.requests("GetObject")
    for run_id in ("r/../r", "../r", "", None, 5, "r/", "r\n", {"r": 1}):
        (folder / "run.json").write_text(json.dumps(record(folder) | {"run_id": run_id, "code": None}))
        seal_by_hand(folder)
        code, text = verify(folder, config)
        assert (code, "not the record of a run" in text) == (1, True), (run_id, text)
    assert world.requests("GetObject") == before


def test_the_client_of_anchors_can_do_nothing_else(world: World) -> None:
    bucket = lock(world)
    config = load_config(asking(world, bucket))
    s3 = anchor_client(config, "exports/anchors/r/", write=True)
    reader = anchor_client(config, "exports/anchors/r/", write=False)
    good = {"Bucket": bucket, "Key": "exports/anchors/r/x", "Body": b"x", "ContentMD5": "x", "IfNoneMatch": "*"}
    refused: list[Callable[[], Any]] = [
        lambda: s3.put_object(**{k: v for k, v in good.items() if k != "IfNoneMatch"}),
        lambda: s3.put_object(**good | {"Key": "exports/x"}),
        lambda: s3.put_object(**good | {"Key": "exports/anchors/r2/x"}),
        lambda: s3.put_object(**good | {"Bucket": world.bucket}),
        lambda: s3.put_object(**good, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=datetime.now(UTC)),
        lambda: s3.put_object(**good, ObjectLockLegalHoldStatus="ON"),
        lambda: s3.get_object(Bucket=bucket, Key="exports/x"),
        lambda: s3.delete_object(Bucket=bucket, Key=good["Key"]),
        lambda: s3.put_object_retention(Bucket=bucket, Key=good["Key"], Retention={}),
        lambda: s3.put_object_lock_configuration(Bucket=bucket),
        lambda: s3.get_object_lock_configuration(Bucket=world.bucket),
        lambda: s3.list_object_versions(Bucket=bucket, Prefix="exports/"),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="exports/anchors/r/"),
        lambda: reader.put_object(**good),
    ]
    for call in refused:
        with pytest.raises(ForbiddenCall):
            call()
    assert objects(world, bucket) == {}


def test_requests_of_verify_go_to_the_askers_place_only(world: World, verify: Verify) -> None:
    config = asking(world, lock(world))
    folder = sealed(world, config)
    with between(world.endpoint) as hostile:
        said = beside(folder)
        (folder / BESIDE).write_text(json.dumps(said | {"endpoint_url": hostile.endpoint, "bucket": "theirs"}))
        changed = config.read_text().replace(world.endpoint, hostile.endpoint)
        (folder / "migration.yaml").write_text(changed)
        ledger = Ledger(folder / "ledger.sqlite")
        publish(folder, ledger, "r", "test")
        ledger.close()
        assert verify(folder)[0] == 0
        verify(folder, config)
        verify(folder, folder / "migration.yaml")
        seen: list[Request] = hostile.seen
    assert seen == []


@pytest.mark.chaos
def test_a_run_and_its_second_start_anchor_their_seals_and_say_so(world: World, verify: Verify) -> None:
    world.pair("a", things(3))
    bucket = lock(world)
    config = asking(world, bucket)
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = world.folder / "reports" / "r"
    told = f"anchor: the digest of {SUMS} is anchored at s3://{bucket}/exports/anchors/r/"
    assert (
        f"{told}{digest(folder)}, version {beside(folder)['version_id']}, under Object Lock (COMPLIANCE)" in done.stdout
    )
    assert verify(folder, config)[0] == 0
    world.fault(operation="PutObject", kind="denied")
    first = digest(folder)
    done = runbook_here("run", config, "--run-id", "r", "--only", "report")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"anchor: the digest of {SUMS} is NOT ANCHORED" in done.stdout
    assert digest(folder) != first
    assert verify(folder, config)[0] == 1
    world.clear_faults()
    done = runbook_here("run", config, "--run-id", "r", "--only", "report")
    assert f"{told}{digest(folder)}" in done.stdout
    code, text = verify(folder, config)
    assert (code, "of 2 anchored seals" in text) == (0, True), text


def test_days_without_an_anchor_are_a_mistake(world: World) -> None:
    with pytest.raises(ConfigError, match="anchor_days is for how long"):
        load_config(world.config(report={"anchor_days": 3}))


def test_the_policy_grants_what_an_anchor_asks_for_where_one_is_asked_for() -> None:
    who = Identity(ACCOUNT, "us-east-2", f"arn:aws:iam::{ACCOUNT}:user/a", "https://aws")

    def planned(**report: Any) -> dict[str, list[str]]:
        config = Migration.model_validate(demo_config("http://127.0.0.1:9", ACCOUNT) | {"report": report})
        statements = policies(config, [], who, who)["target"]["Statement"]
        return {s["Sid"]: s["Action"] for s in statements if s["Sid"].startswith("Anchor")}

    assert planned() == {}
    read = ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion", "s3:PutObject"]
    of_bucket = ["s3:GetBucketObjectLockConfiguration", "s3:ListBucketVersions"]
    assert planned(anchor="s3") == {"AnchorSeals": read, "AnchorsOfBucket": of_bucket}
    assert planned(anchor="s3", anchor_days=3)["AnchorSeals"] == [*read, "s3:PutObjectRetention"]


def test_a_lock_that_has_ended_is_said(world: World) -> None:
    config = asking(world, lock(world))
    folder = sealed(world, config)
    assert "OVER" not in str(hold_to_anchor(folder, "r", config))
    later = datetime.now(UTC) + timedelta(days=4)
    assert "which is OVER: nothing holds it now" in str(hold_to_anchor(folder, "r", config, now=lambda: later))
