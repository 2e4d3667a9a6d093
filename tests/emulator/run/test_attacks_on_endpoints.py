"""Attacks that once succeeded on where requests go, by commands and over HTTP alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.far_away import far_away
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Between, Request, between
from tests.support.someone import as_someone
from tests.support.world import World, things

VPC = "vpce-0abc-1.dynamodb.us-east-1.vpce.amazonaws.com"
NO_IAM = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>ask nobody</Message></Error>"
    b"</ErrorResponse>"
)


def without_endpoints(world: World, *sections: str) -> Path:
    """The world's migration file in which some sections leave it to the environment where to ask."""
    config = world.config()
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    for section in sections:
        del settings[section]["endpoint_url"]
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return config


@pytest.fixture
def buckets_in_hosts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own way of naming buckets is asked for in the user's file, as for AWS it may be."""
    file = world.folder / "aws-config"
    file.write_text("[default]\ns3 =\n    addressing_style = virtual\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))


def by_name(server: Between) -> str:
    """A server's address by the name of this machine: a bucket could stand before it, as before no number."""
    return server.endpoint.replace("127.0.0.1", "localhost")


def buckets(server: Between) -> set[str]:
    """What stands first in the paths of requests of S3."""
    return {request.path.split("/")[1].split("?")[0] for request in server.seen if request.method != "POST"}


@pytest.mark.chaos
@pytest.mark.usefixtures("buckets_in_hosts")
def test_a_store_named_for_s3_alone_is_asked_by_path_and_never_by_a_bucket_in_the_host(world: World) -> None:
    world.pair("a", things(3))
    with between(world.endpoint) as store:
        config = without_endpoints(world, "staging")
        done = runbook_here("run", config, "--run-id", "r", "--execute", AWS_ENDPOINT_URL_S3=by_name(store))
    assert done.returncode == 0, done.stdout + done.stderr
    assert buckets(store) == {world.bucket}
    assert not [request for request in store.seen if request.operation]


@pytest.mark.whole
@pytest.mark.usefixtures("buckets_in_hosts")
def test_a_server_that_the_environment_names_is_asked_for_everything_and_by_path(world: World) -> None:
    world.pair("a", things(3))
    with between(world.endpoint) as server:
        config = without_endpoints(world, "source", "target", "staging")
        done = runbook_here("run", config, "--run-id", "r", "--execute", AWS_ENDPOINT_URL=by_name(server))
    assert done.returncode == 0, done.stdout + done.stderr
    assert buckets(server) == {world.bucket}
    assert server.count("BatchWriteItem")
    assert [request for request in server.seen if b"Action=GetCallerIdentity" in request.body]
    assert {who["endpoint"] for who in world.record("r")["identity"].values()} == {by_name(server)}


@pytest.mark.whole
def test_a_vpc_endpoint_of_dynamodb_is_asked_for_nothing_of_sts_and_iam(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(3))
    world.pair("scanned", things(2), pitr=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    def no_iam(request: Request) -> Answer | None:
        return (403, NO_IAM) if b"Action=SimulatePrincipalPolicy&" in request.body else None

    with between(world.endpoint) as liar, far_away(liar.endpoint, world.folder) as aws:
        liar.instead, liar.after = no_iam, as_someone("reader")
        config = world.config(source={"endpoint_url": f"https://{VPC}"})
        done = runbook_here("run", config, "--run-id", "r", **aws.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.record("r")["verdict"] == "DRY-RUN"
    assert sorted(table["items_exported"] for table in world.record("r")["tables"]) == [2, 3]
    assert aws.hosts_of("GetCallerIdentity") == {"sts.us-east-1.amazonaws.com"}
    assert aws.hosts_of("SimulatePrincipalPolicy") == {"iam.amazonaws.com"}
    assert {host for host, request in aws.asked if request.operation} == {VPC} == aws.hosts_of("Scan")
