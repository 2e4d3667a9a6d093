"""The demo when something is wrong, and that it cannot reach anything but this machine; test_wheel.py has it pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def demo(reports: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runbook_lib", "demo", "--run-id", "d", *arguments],
        capture_output=True, text=True, check=False, timeout=600,
        env=os.environ | {"RUNBOOK_REPORTS": str(reports)},
    )  # fmt: skip


@pytest.mark.whole
@pytest.mark.parametrize(
    ("kind", "difference"),
    [
        ("lost-items", "missing"),
        pytest.param("extra-items", "extra", marks=pytest.mark.chaos),
        pytest.param("changed-items", "different", marks=pytest.mark.chaos),
    ],
)
def test_a_sabotaged_demo_fails_and_says_why(tmp_path: Path, kind: str, difference: str) -> None:
    ran = demo(tmp_path, "--scale", "0.002", "--sabotage", kind)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"7 items are {difference}" in ran.stdout
    record = json.loads((tmp_path / "d" / "run.json").read_text())
    assert record["verdict"] == "FAIL"
    assert sum(t[difference] for t in record["tables"]) == 7
    assert "FAIL" in (tmp_path / "d" / "report.html").read_text()


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('192.0.2.1', 443), 2)",
        "import socket; socket.getaddrinfo('dynamodb.us-east-1.amazonaws.com', 443)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=2)",
        "import boto3; s = boto3.Session('x', 'x', region_name='us-east-1'); s.client('dynamodb').list_tables()",
    ],
)
def test_a_process_of_the_demo_cannot_reach_the_network(attempt: str) -> None:
    code = f"from runbook_lib.aws.guard.offline import refuse_network; refuse_network(); {attempt}"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, "RUNBOOK_OFFLINE": "1"},
    )  # fmt: skip
    assert ran.returncode != 0
    assert "keeps this process on this machine" in ran.stderr


@pytest.mark.whole
@pytest.mark.chaos
def test_the_sandbox_command_says_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runbook_lib", "sandbox", "--scale", "0.01", "--migration", tmp_path / "m.yaml"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3)]
    try:
        assert "sandbox: http://127.0.0.1:" in "".join(said)
        config = said[-1].removeprefix("migration file: ").strip()
        assert config == str(tmp_path / "m.yaml")
        assert Path(config).is_file()
        ran = subprocess.run(
            [sys.executable, "-m", "runbook_lib", "run", config, "--run-id", "x", "--only", "preflight"],
            capture_output=True, text=True, check=False,
            env=os.environ | {"RUNBOOK_REPORTS": str(tmp_path), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
    finally:
        process.terminate()
        process.communicate()
    assert process.wait(60) == 0
