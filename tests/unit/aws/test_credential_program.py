"""A `credential_process` has to end: in a profile of its own, and in the one that a role is assumed from."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import CredentialRetrievalError

from runbook_lib.aws import deadlines
from runbook_lib.aws.deadlines import Session

KEYS = '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t"}'
HANGS = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
    "time.sleep(20)"
)


@pytest.fixture(params=["own", "assumed"])
def profile(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    program = tmp_path / "program.py"
    config = tmp_path / "config"
    config.write_text(
        f"[profile own]\ncredential_process = {sys.executable} {program}\n"
        "[profile assumed]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = own\nregion = us-east-1\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    return str(request.param)


def test_a_program_that_hangs_is_ended_and_named(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text(HANGS)
    monkeypatch.setattr(deadlines, "LONGEST", 0.5)
    began = time.monotonic()
    with pytest.raises(CredentialRetrievalError, match=r"credential_process should have ended after 0\.5 s"):
        Session(profile).get_credentials().get_frozen_credentials()
    assert time.monotonic() - began < 15


def test_a_program_that_ends_gives_its_keys(tmp_path: Path, profile: str) -> None:
    (tmp_path / "program.py").write_text(f"print('{KEYS}')")
    found = Session("own").get_credentials().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.token) == ("a", "s", "t")
