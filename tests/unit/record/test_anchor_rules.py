"""When a folder is held to its anchor: every rule by itself, with a bucket in memory."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from runbook_lib.aws.s3.anchors import Held, Lock, Version
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, EvidenceError, TransferError
from runbook_lib.record import anchor, anchor_check
from runbook_lib.record.anchor import (
    BESIDE,
    Anchor,
    Anchored,
    State,
    anchor_in_words,
    anchored,
    digest_of,
    line,
    prefix_of,
    told_of_anchor,
)
from runbook_lib.record.anchor_check import check_beside, hold_to_anchor
from runbook_lib.run.unfinished import SUMS
from runbook_lib.sandbox import demo_config
from tests.support.world import ACCOUNT

NOW = datetime(2026, 1, 10, tzinfo=UTC)
LATER = timedelta(days=1)


class Bucket:
    """What lies under the anchors of a run: versions by key, and the calls that fail."""

    def __init__(self) -> None:
        self.held: dict[str, list[Held]] = {}
        self.fails: set[str] = set()
        self.asked: list[str | None] = []
        self.lock: tuple[Lock, str | None] = (Lock.COMPLIANCE, "30 days")
        self.until: datetime | None = None

    def put(self, key: str, body: bytes, at: datetime = NOW, lock: str | None = "COMPLIANCE") -> str:
        version = f"v{sum(map(len, self.held.values()))}"
        self.held.setdefault(key, []).append(Held(body, version, at, lock, at + 30 * LATER if lock else None))
        return version

    def versions_under(self, s3: Any, bucket: str, prefix: str, owner: str | None) -> list[Version]:
        self._fail("list")
        found = [Version(k, str(h.id), h.at) for k, held in self.held.items() for h in held if k.startswith(prefix)]
        return sorted(found, key=lambda v: v.at)

    def read_anchor(self, s3: Any, bucket: str, key: str, version: str | None, owner: str | None) -> Held | None:
        self._fail("read")
        self.asked.append(version)
        found = [h for h in self.held.get(key, []) if version in (None, h.id)]
        return found[-1] if found else None

    def put_anchor(self, s3: Any, bucket: str, key: str, body: bytes, owner: Any, until: datetime | None) -> str:
        self._fail("put")
        self.until = until
        return self.put(key, body)

    def lock_of(self, *_: Any) -> tuple[Lock, str | None]:
        self._fail("lock")
        return self.lock

    def _fail(self, what: str) -> None:
        if what in self.fails:
            raise TransferError(f"no {what}")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    for module in (anchor, anchor_check):
        monkeypatch.setattr(module, "anchor_client", lambda *_, **__: None)
        monkeypatch.setattr(module, "read_anchor", made.read_anchor)
    monkeypatch.setattr(anchor_check, "versions_under", made.versions_under)
    monkeypatch.setattr(anchor, "put_anchor", made.put_anchor)
    monkeypatch.setattr(anchor, "lock_of", made.lock_of)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports" / "r"
    made.mkdir(parents=True)
    (made / SUMS).write_text("sums")
    return made


def migration(place: Path, **report: Any) -> Path:
    place.mkdir(exist_ok=True)
    file = place / "m.yaml"
    file.write_text(yaml.safe_dump(demo_config("http://127.0.0.1:9", ACCOUNT) | {"report": report}))
    return file


@pytest.fixture
def asker(tmp_path: Path) -> Path:
    return migration(tmp_path / "own", anchor="s3")


def key_of(folder: Path, asker: Path) -> str:
    return prefix_of(load_config(asker), "r") + digest_of(folder)


def beside(folder: Path, **said: Any) -> None:
    (folder / BESIDE).write_text(json.dumps({"sha256": digest_of(folder)} | said))


def held(folder: Path, asker: Path, bucket: Bucket) -> str:
    return bucket.put(key_of(folder, asker), line(digest_of(folder)))


def test_the_last_anchored_seal_is_confirmed(folder: Path, asker: Path, bucket: Bucket) -> None:
    bucket.put(prefix_of(load_config(asker), "r") + "earlier", b"x", NOW - LATER)
    held(folder, asker, bucket)
    found = hold_to_anchor(folder, "r", asker, now=lambda: NOW + LATER)
    assert (found.seals, found.over, found.anchored.lock) == (2, False, "COMPLIANCE")
    assert "of 2 anchored seals of this run it is the last" in str(found)
    assert "OVER" not in str(found)


@pytest.mark.parametrize("after", [timedelta(days=30), timedelta(days=31)])
def test_a_lock_that_has_ended_is_said(folder: Path, asker: Path, bucket: Bucket, after: timedelta) -> None:
    held(folder, asker, bucket)
    found = hold_to_anchor(folder, "r", asker, now=lambda: NOW + after)
    assert found.over
    assert "OVER" in str(found)


def test_what_no_lock_holds_is_never_over(folder: Path, asker: Path, bucket: Bucket) -> None:
    bucket.put(key_of(folder, asker), line(digest_of(folder)), lock=None)
    found = hold_to_anchor(folder, "r", asker, now=lambda: NOW + 99 * LATER)
    assert (found.over, "NOT LOCKED" in str(found)) == (False, True)


def test_a_later_seal_makes_the_folder_an_earlier_one(folder: Path, asker: Path, bucket: Bucket) -> None:
    held(folder, asker, bucket)
    bucket.put(prefix_of(load_config(asker), "r") + "later", b"x", NOW + LATER)
    with pytest.raises(EvidenceError, match="was sealed again since"):
        hold_to_anchor(folder, "r", asker, now=lambda: NOW)


def test_another_seal_put_again_later_is_not_a_later_seal(folder: Path, asker: Path, bucket: Bucket) -> None:
    """What counts is when a seal was first there: anybody who may put can put an old one once more."""
    bucket.put(prefix_of(load_config(asker), "r") + "old", b"x", NOW - LATER)
    held(folder, asker, bucket)
    bucket.put(prefix_of(load_config(asker), "r") + "old", b"x", NOW + LATER)
    bucket.put(key_of(folder, asker), line(digest_of(folder)), NOW + 2 * LATER)
    assert hold_to_anchor(folder, "r", asker, now=lambda: NOW).seals == 2


@pytest.mark.parametrize(
    ("put", "said", "why"),
    [
        (None, {}, "was sealed by somebody else, or the anchor was removed"),
        (None, {"state": "not anchored"}, "it was never put"),
        ("other", {}, "other seals of this run are anchored, the last at"),
        ("body", {}, "what is there is something else"),
        (None, {"state": "anchored", "version_id": "v7"}, "version v7"),
    ],
)
def test_a_seal_without_its_anchor_is_refused(
    folder: Path, asker: Path, bucket: Bucket, put: str | None, said: dict[str, Any], why: str
) -> None:
    if said:
        beside(folder, **said)
    if put == "other":
        bucket.put(prefix_of(load_config(asker), "r") + "other", b"x", NOW - LATER)
    if put == "body":
        bucket.put(key_of(folder, asker), b"something")
    with pytest.raises(EvidenceError, match=why):
        hold_to_anchor(folder, "r", asker, now=lambda: NOW)


def test_the_version_is_the_one_beside_the_seal_or_the_first(folder: Path, asker: Path, bucket: Bucket) -> None:
    first = held(folder, asker, bucket)
    bucket.put(key_of(folder, asker), b"something else", NOW + LATER)
    hold_to_anchor(folder, "r", asker, now=lambda: NOW)
    beside(folder, version_id=first, state="anchored")
    hold_to_anchor(folder, "r", asker, now=lambda: NOW)
    assert bucket.asked == [first, first]
    beside(folder, version_id="v9", state="anchored")
    with pytest.raises(EvidenceError, match="version v9"):
        hold_to_anchor(folder, "r", asker, now=lambda: NOW)


def test_anchors_that_cannot_be_listed_leave_it_unknown_whether_it_is_the_last(
    folder: Path, asker: Path, bucket: Bucket
) -> None:
    held(folder, asker, bucket)
    bucket.fails.add("list")
    found = hold_to_anchor(folder, "r", asker, now=lambda: NOW)
    assert (found.seals, bucket.asked) == (None, [None])
    assert "is not known" in str(found)
    bucket.fails.add("read")
    with pytest.raises(TransferError):
        hold_to_anchor(folder, "r", asker, now=lambda: NOW)


@pytest.mark.parametrize("run_id", [None, 3, "", "../r", "a/b", "r\n"])
def test_a_run_id_that_is_none_asks_for_nothing(folder: Path, asker: Path, bucket: Bucket, run_id: object) -> None:
    with pytest.raises(EvidenceError, match="not the record of a run"):
        hold_to_anchor(folder, run_id, asker)
    assert bucket.asked == []


def test_where_to_look_is_said_by_a_file_outside_of_the_folder(folder: Path, asker: Path, bucket: Bucket) -> None:
    held(folder, asker, bucket)
    inside = migration(folder / "in", anchor="s3")
    (asker.parent / "link.yaml").symlink_to(inside)
    for file in (inside, asker.parent / "link.yaml"):
        with pytest.raises(ConfigError, match="a folder does not say itself"):
            hold_to_anchor(folder, "r", file)
    with pytest.raises(ConfigError, match="found none"):
        hold_to_anchor(folder, "r", migration(asker.parent / "no"))
    assert bucket.asked == []


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"sha256": "another"}', "[" * 60_000, '"' + "x" * 70_000])
def test_what_stands_beside_a_seal_has_to_be_of_it(folder: Path, text: str) -> None:
    assert check_beside(folder) == {}
    (folder / BESIDE).write_text(text)
    with pytest.raises(EvidenceError, match="of another seal"):
        check_beside(folder)
    beside(folder, state="anchored")
    assert check_beside(folder)["state"] == "anchored"


class Facts(dict[str, Any]):
    """A ledger that keeps one fact."""

    def put(self, topic: str, name: str, value: Any) -> None:
        self["anchor"] = value


def put(folder: Path, asker: Path, **report: Any) -> tuple[Facts, Anchored]:
    made = Anchor.of(load_config(migration(asker.parent, **({"anchor": "s3"} | report))), "r")
    assert made is not None
    made.now = lambda: NOW
    ledger = Facts()
    made.look(ledger)  # type: ignore[arg-type]
    return ledger, made.put(folder)


def test_a_locked_bucket_is_given_the_digest_and_what_came_of_it_stands_beside_the_seal(
    folder: Path, asker: Path, bucket: Bucket
) -> None:
    ledger, found = put(folder, asker)
    assert (ledger["anchor"]["lock"], ledger["anchor"]["period"], ledger["anchor"]["why"]) == (
        "COMPLIANCE", "30 days", None,
    )  # fmt: skip
    assert (found.state, bucket.until) == (State.ANCHORED, None)
    assert bucket.held[key_of(folder, asker)][0].body == line(digest_of(folder))
    assert check_beside(folder)["version_id"] == "v0"


@pytest.mark.parametrize(
    ("lock", "days", "state", "until"),
    [
        (Lock.NONE, None, State.NOT_ANCHORED, None),
        (Lock.NONE, 9, State.NOT_ANCHORED, None),
        (Lock.NO_RETENTION, None, State.NOT_ANCHORED, None),
        (Lock.NO_RETENTION, 9, State.ANCHORED, NOW + 9 * LATER),
        (Lock.GOVERNANCE, None, State.ANCHORED, None),
        (Lock.GOVERNANCE, 9, State.ANCHORED, NOW + 9 * LATER),
    ],
)
def test_only_a_lock_makes_an_anchor(
    folder: Path, asker: Path, bucket: Bucket, lock: Lock, days: int | None, state: State, until: datetime | None
) -> None:
    bucket.lock = (lock, "1 days" if lock.holds else None)
    ledger, found = put(folder, asker, **({"anchor_days": days} if days else {}))
    assert (found.state, bucket.until) == (state, until)
    assert bool(ledger["anchor"]["why"]) == (state is State.NOT_ANCHORED) == bool(found.why)
    assert bool(bucket.held) == (state is State.ANCHORED)
    assert ledger["anchor"]["period"] == (None if state is not State.ANCHORED else f"{days or 1} days")


@pytest.mark.parametrize("fails", ["lock", "put", "read"])
def test_what_s3_refuses_is_no_anchor_and_is_said(folder: Path, asker: Path, bucket: Bucket, fails: str) -> None:
    bucket.fails.add(fails)
    ledger, found = put(folder, asker)
    assert (found.state, found.why) == (State.NOT_ANCHORED, f"no {fails}")
    assert ledger["anchor"]["why"] == (f"no {fails}" if fails == "lock" else None)
    assert json.loads((folder / BESIDE).read_text())["why"] == f"no {fails}"


@pytest.mark.parametrize("read", [None, b"another"])
def test_what_is_not_read_back_as_it_was_put_is_no_anchor(
    folder: Path, asker: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, read: bytes | None
) -> None:
    back = None if read is None else Held(read, "v0", NOW, "COMPLIANCE", NOW)
    monkeypatch.setattr(anchor, "read_anchor", lambda *_: back)
    found = put(folder, asker)[1]
    assert found.state is State.NOT_ANCHORED
    assert ("not there" in str(found.why), "another" in str(found.why)) == (read is None, read is not None)


def test_a_report_says_what_a_seal_will_have_and_a_console_what_it_has(folder: Path) -> None:
    def record(**facts: Any) -> Any:
        return SimpleNamespace(
            anchor=SimpleNamespace(place="s3://b/k", period="9 days", why="w", **facts) if facts else None
        )

    assert (anchor_in_words(record()), told_of_anchor(record(), folder)) == (None, None)
    for lock in Lock:
        words = str(anchor_in_words(record(lock=lock)))
        assert ("is put under Object Lock" in words) == (lock in ("COMPLIANCE", "GOVERNANCE"))
        assert ("this seal has none: w" in words) == (lock not in ("COMPLIANCE", "GOVERNANCE"))
    assert "cannot be read" in str(told_of_anchor(record(lock="none"), folder))
    (folder / BESIDE).write_text(json.dumps(asdict(Anchored(State.ANCHORED, "b", "k", "d", "v1", lock="COMPLIANCE"))))
    assert "anchored at s3://b/k, version v1" in str(told_of_anchor(record(lock="COMPLIANCE"), folder))


def test_no_anchor_is_made_where_none_is_asked_for(asker: Path) -> None:
    assert Anchor.of(load_config(migration(asker.parent)), "r") is None


def test_an_anchor_is_spelled_as_what_it_is() -> None:
    wanted = Anchored(State.ANCHORED, "b", "k", "d")
    assert "version none" in str(anchored(wanted, Held(b"", None, NOW, "COMPLIANCE", NOW)))
    assert "version v1, under Object Lock (GOVERNANCE) until 2026-01-10" in str(
        anchored(wanted, Held(b"", "v1", NOW, "GOVERNANCE", NOW))
    )
    assert "NOT LOCKED: S3 names no lock" in str(anchored(wanted, Held(b"", "v1", NOW, None, None)))
    assert "NOT ANCHORED at s3://b/k: w" in str(Anchored(State.NOT_ANCHORED, "b", "k", "d", why="w"))
