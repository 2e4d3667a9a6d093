"""The sandbox as a process: ready, alone, on the loopback interface, and gone when its parent is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest

from runbook_lib.errors import RunbookError
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.fleet.tables import fleet, item_count

if TYPE_CHECKING:
    from conftest import Aws


def port_of(endpoint: str) -> int:
    port = urlsplit(endpoint).port
    assert port is not None
    return port


def refuses_within(endpoint: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port_of(endpoint))) != 0:
                return True
        time.sleep(0.05)
    return False


def test_health_says_ready(aws: Aws) -> None:
    health = aws.control("GET", "/_sandbox/health")
    assert health["ready"] is True
    assert health["account"] == aws.sandbox.account == "111122223333"
    assert health["source_items"] == sum(item_count(table, 0.02) for table in fleet())


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_only_the_loopback_interface_is_bound(aws: Aws) -> None:
    wanted = f"{port_of(aws.sandbox.endpoint):04X}"
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            local, state = row.split()[1], row.split()[3]
            if local.endswith(":" + wanted) and state == "0A":
                listening.append(local.split(":")[0])
    assert listening == ["0100007F"]


def test_the_fleet_is_there_as_the_reference_left_it(aws: Aws) -> None:
    assert len(fleet()) == 31
    assert sum(table.point_in_time_recovery for table in fleet()) == 19
    assert sum(1 for table in fleet() if table.items and not table.point_in_time_recovery) == 4
    for table in fleet():
        source = aws.source.describe_table(TableName=table.source)["Table"]
        target = aws.target.describe_table(TableName=table.target)["Table"]
        assert source["ItemCount"] == item_count(table, 0.02)
        assert target["ItemCount"] == 0
        for description in (source, target):
            assert description["DeletionProtectionEnabled"] is table.deletion_protection
            assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
            assert {index["IndexName"] for index in description.get("GlobalSecondaryIndexes", ())} == set(table.indexes)
            assert description.get("StreamSpecification", {}).get("StreamViewType") == table.stream
        assert source["KeySchema"] == target["KeySchema"]
        backups = aws.source.describe_continuous_backups(TableName=table.source)["ContinuousBackupsDescription"]
        enabled = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert enabled is table.point_in_time_recovery


@pytest.mark.chaos
def test_an_empty_sandbox_has_the_bucket_and_no_table() -> None:
    with start_sandbox(empty=True) as sandbox:
        clients = [
            boto3.client(
                service,
                region_name="us-east-2",
                endpoint_url=sandbox.endpoint,
                aws_access_key_id="x",
                aws_secret_access_key="y",
            )
            for service in ("dynamodb", "s3")
        ]
        assert clients[0].list_tables()["TableNames"] == []
        assert [bucket["Name"] for bucket in clients[1].list_buckets()["Buckets"]] == ["runbook-staging"]
        for client in clients:
            client.close()
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert refuses_within(sandbox.endpoint, 0.1)
    sandbox.stop()  # once more does nothing


@pytest.mark.chaos
def test_a_taken_port_is_said_in_one_sentence(aws: Aws) -> None:
    port = port_of(aws.sandbox.endpoint)
    with pytest.raises(RunbookError, match=f"port {port} on 127.0.0.1 cannot be used"):
        start_sandbox(port=port, empty=True)


def test_the_server_dies_with_a_killed_parent() -> None:
    script = (
        "import time; from runbook_lib.sandbox import start_sandbox; "
        "s = start_sandbox(empty=True); print(s.endpoint, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        endpoint = parent.stdout.readline().strip()
        assert not refuses_within(endpoint, 0.2)
        os.kill(parent.pid, signal.SIGKILL)
    assert refuses_within(endpoint, 15)


@pytest.mark.whole
def test_sigterm_ends_the_server_at_once() -> None:
    sandbox = start_sandbox(scale=0.01)
    started = time.monotonic()
    os.kill(sandbox.pid, signal.SIGTERM)
    assert refuses_within(sandbox.endpoint, 10)
    assert time.monotonic() - started < 10
    sandbox.stop()


def test_the_demo_environment_cannot_reach_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("BOTO_CONFIG", "x")
    monkeypatch.setenv("NO_PROXY", "example.com")
    environment = demo_environment("http://127.0.0.1:1")
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment
    assert "BOTO_CONFIG" not in environment
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert environment["NO_PROXY"] == "example.com,127.0.0.1"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


def test_the_demo_configuration_spells_its_target_and_takes_overrides() -> None:
    config = demo_config("http://127.0.0.1:1", "111122223333", tables={"include": ["*-loans"]}, name="other")
    assert config["name"] == "other"
    assert config["confirm_target"] == "111122223333/us-east-2"
    assert config["tables"]["include"] == ["*-loans"]
    assert config["tables"]["rename"]["to"] == "bebco-borrower-{name}-dev"
    assert {config[side]["endpoint_url"] for side in ("source", "target", "staging")} == {"http://127.0.0.1:1"}
