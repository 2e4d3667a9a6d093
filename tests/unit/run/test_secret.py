"""A run's secret lies with its owner, never in the run's folder, and is made anew where it is not to be had."""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.secret import run_secret, state_folder

KEY = b'{"id":{"S":"x"}}'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / ".local" / "state" / "runbook"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def test_it_is_kept_for_its_owner_alone_and_found_again(ledger: Ledger, state: Path) -> None:
    secret = run_secret(ledger, "r")
    assert run_secret(ledger, "r") == secret
    assert stat.S_IMODE((state / "r").stat().st_mode) == 0o600
    assert [file.name for file in state.iterdir()] == ["r"]


def test_the_ledger_knows_a_fingerprint_and_no_log_shows_more(ledger: Ledger, tmp_path: Path) -> None:
    secret = run_secret(ledger, "r")
    ledger.settle()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.sqlite*"))
    assert secret.fingerprint.encode() in kept
    assert secret.value not in kept
    assert secret.value.hex().encode() not in kept
    assert repr(secret) == str(secret) == "RunSecret(...)"
    assert pickle.loads(pickle.dumps(secret)) == secret


def test_runs_of_one_id_in_different_report_folders_have_each_its_own(tmp_path: Path, ledger: Ledger) -> None:
    other = Ledger(tmp_path / "other.sqlite")
    secrets = [run_secret(ledger, "r"), run_secret(other, "r")]
    assert secrets[0] != secrets[1]
    assert [run_secret(ledger, "r"), run_secret(other, "r")] == secrets
    other.close()


def lost(file: Path) -> None:
    file.unlink()


def of_another(file: Path) -> None:
    file.write_text("ab" * 32 + "\n")


def cut_short(file: Path) -> None:
    file.write_text(file.read_text()[:40])


def no_text(file: Path) -> None:
    file.write_bytes(b"\xff\x00\n\n" * 9)


def readable_by_others(file: Path) -> None:
    file.chmod(0o640)


def a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


@pytest.mark.parametrize("spoil", [lost, of_another, cut_short, no_text, readable_by_others, a_link, a_folder, a_pipe])
def test_one_that_is_not_to_be_had_is_replaced(ledger: Ledger, state: Path, spoil: Callable[[Path], None]) -> None:
    first = run_secret(ledger, "r")
    spoil(state / "r")
    second = run_secret(ledger, "r")
    assert second != first
    if spoil is not a_folder:
        assert run_secret(ledger, "r") == second
        assert stat.S_IMODE((state / "r").lstat().st_mode) == 0o600
        assert not (state / "r").is_symlink()


@pytest.mark.parametrize("home", ["not/absolute", "/dev/null", "/proc/nowhere"])
def test_a_home_that_cannot_be_written_is_no_error(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    assert run_secret(ledger, "r").fingerprint == ledger.get("run", "secret_fingerprint")
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith("ledger")] == []


def test_the_state_folder_of_the_user_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_folder() == tmp_path / "state" / "runbook"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says the specification
    assert state_folder() == tmp_path / "home" / ".local" / "state" / "runbook"


def test_a_key_hash_is_another_for_each_secret_and_no_plain_digest() -> None:
    one, other = RunSecret.new(), RunSecret.new()
    assert one.key_hash(KEY) == one.key_hash(KEY)
    assert one.key_hash(KEY) != other.key_hash(KEY)
    assert one.key_hash(KEY) != hashlib.blake2b(KEY, digest_size=16).hexdigest()
    as_item = one.item_digests()
    as_item.update(KEY)
    assert as_item.hexdigest() != one.key_hash(KEY)  # a hash in a report says nothing about the comparison's digests
    assert one.fingerprint != other.fingerprint
