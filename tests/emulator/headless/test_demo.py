"""The demo as a visitor meets it, and that it cannot reach anything but this machine."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = {
    "AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "bogus", "AWS_SECRET_ACCESS_KEY": "bogus",
    "AWS_SESSION_TOKEN": "bogus", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "nowhere-1",
    "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
}  # fmt: skip


def demo(
    reports: Path, *arguments: str, prefix: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "runbook_lib", "demo", "--run-id", "d", *arguments],
        capture_output=True, text=True, check=False, timeout=600,
        env=os.environ | {"RUNBOOK_REPORTS": str(reports)} | environment,
    )  # fmt: skip


def without_network() -> tuple[str, ...]:
    """What to put before a command to run it without a network; nothing where that is not allowed."""
    tools = shutil.which("unshare") and shutil.which("ip")
    if not tools or subprocess.run(["unshare", "--net", "--map-root-user", "true"], check=False).returncode:
        return ()
    return ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def cpu_seconds() -> float:
    """What all processes that have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_demo_migrates_the_fleet_in_a_hostile_environment_in_under_two_minutes(tmp_path: Path) -> None:
    """Where this machine lets a test make one, in a network that has nothing but a loopback interface."""
    before = cpu_seconds()
    ran = demo(tmp_path, prefix=without_network(), **HOSTILE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert cpu_seconds() - before < 120  # of the clock it takes less on a machine that is not shared
    record = json.loads((tmp_path / "d" / "run.json").read_text())
    assert record["verdict"] == "PASS"
    assert record["totals"]["tables"] == 31
    assert record["totals"]["items_exported"] == record["totals"]["items_in_target"] > 11_000
    methods = [t["method"] for t in record["tables"]]
    assert (methods.count("export"), methods.count("scan")) == (19, 12)
    empty = [t for t in record["tables"] if t["items_exported"] == 0]
    assert all(t["verdict"] == "PASS" and t["items_in_target"] == 0 for t in empty)
    assert str(tmp_path / "d" / "report.html") in ran.stdout


@pytest.mark.parametrize(
    ("kind", "difference"),
    [
        ("lost-items", "missing"),
        pytest.param("extra-items", "extra", marks=pytest.mark.chaos),
        pytest.param("changed-items", "different", marks=pytest.mark.chaos),
    ],
)
def test_a_sabotaged_demo_fails_and_says_why(tmp_path: Path, kind: str, difference: str) -> None:
    ran = demo(tmp_path, "--scale", "0.01", "--sabotage", kind)
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


def test_the_sandbox_command_says_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runbook_lib", "sandbox", "--scale", "0.01"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3)]
    try:
        assert "sandbox: http://127.0.0.1:" in "".join(said)
        config = said[-1].removeprefix("migration file: ").strip()
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
