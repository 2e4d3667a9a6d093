"""Requests go where boto3 sends them, an endpoint carries no secret, and credentials that expired are read anew."""

from __future__ import annotations

from base64 import b64encode
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.dynamodb.delete import delete_objects
from runbook_lib.aws.endpoints import client_of, endpoint_of, is_aws, of_other_services, s3_client, secret_in
from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED, SOURCE
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.clients import connect
from runbook_lib.aws.session.identity import session_of
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, CredentialsExpired
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, CredentialsError
from runbook_lib.preflight.step import make_plan, preflight
from tests.support.between import Asked, Said, between, refusal
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables
from tests.support.world import ACCOUNT, World, things

VPC = "https://vpce-0abc-1.dynamodb.us-east-1.vpce.amazonaws.com"
# Over the wire go these; each names plain tables, one or several.
WIRED: dict[str, dict[str, Any]] = {
    "Scan": {"TableName": "ttt"},
    "Query": {"TableName": "ttt"},
    "PutItem": {"TableName": "ttt", "Item": {"id": {"S": "x"}}},
    "DeleteItem": {"TableName": "ttt", "Key": {"id": {"S": "x"}}},
    "BatchGetItem": {"RequestItems": {"ttt": {"Keys": [{"id": {"S": "x"}}]}}},
    "BatchWriteItem": {"RequestItems": {"ttt": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]}},
}
METHODS = {
    "Scan": "scan", "Query": "query", "PutItem": "put_item", "DeleteItem": "delete_item",
    "BatchGetItem": "batch_get_item", "BatchWriteItem": "batch_write_item",
}  # fmt: skip


class Sent(Exception):
    """Raised in place of a request that would leave."""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    return monkeypatch


def url_of(client: Any, method: str, **asked: Any) -> str:
    """Where a client of boto3 would send this."""
    found = []

    def stop(request: Any, **_: Any) -> None:
        found.append(request.url)
        raise Sent

    client.meta.events.register_first("before-send.*.*", stop)
    with pytest.raises(Sent):
        getattr(client, method)(**asked)
    client.meta.events.unregister("before-send.*.*", stop)
    return str(found[0])


@pytest.mark.parametrize("mode", ["preferred", "required", "disabled"])
@pytest.mark.parametrize("account", ["", "111122223333"])
@pytest.mark.parametrize("kind", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_URL", ""])
def test_the_wire_asks_where_boto3_asks(keys: pytest.MonkeyPatch, mode: str, account: str, kind: str) -> None:
    keys.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", mode)
    if account:
        keys.setenv("AWS_ACCOUNT_ID", account)
    if kind:
        keys.setenv(kind, "http://127.0.0.1:9" if "URL" in kind else "true")
    if mode == "required" and (not account or "FIPS" in kind) and kind != "AWS_ENDPOINT_URL":
        return  # botocore refuses this itself
    client = boto3.Session().client("dynamodb", "us-east-1")
    for operation, asked in WIRED.items():
        assert url_of(client, METHODS[operation], **asked).rstrip("/") == endpoint_of(client, operation).rstrip("/")
    if (mode, account, kind) == ("required", "111122223333", ""):
        assert endpoint_of(client, "Scan") == "https://111122223333.ddb.us-east-1.amazonaws.com"
    client.close()


def test_a_request_of_the_transport_goes_to_the_accounts_own_endpoint(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required")
    keys.setenv("AWS_ACCOUNT_ID", "111122223333")
    gone: list[tuple[str, str]] = []

    class Recorder:
        def __init__(self, session: Any, url: str) -> None:
            self.url = url

        def post(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
            gone.append((self.url, headers["Host"]))
            return 200, {}, b"{}"

    keys.setattr("runbook_lib.aws.transport.client.HttpConnection", Recorder)
    session = boto3.Session()
    client = session.client("dynamodb", "us-east-1")
    transport = DynamoDBTransport(client, session.get_credentials(), Guard("source", SOURCE, Calls()))
    for _ in range(2):
        transport.post("Scan", b"{}")
    client.close()
    host = "111122223333.ddb.us-east-1.amazonaws.com"
    assert gone == [(f"https://{host}/", host)] * 2


def test_every_operation_of_the_wire_is_held_to_it() -> None:
    ours = {c.partition(":")[2] for s in (*ALWAYS.values(), *ASKED.values()) for c in s if c.startswith("dynamodb:")}
    assert set(WIRED) <= ours


def test_an_endpoint_of_aws_is_of_dynamodb_alone_and_another_server_is_asked_for_all(keys: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="us-east-1")
    assert of_other_services(session, "sts", VPC) is None
    assert of_other_services(session, "sts", None) is None
    assert of_other_services(session, "sts", "http://127.0.0.1:4566") == "http://127.0.0.1:4566"
    keys.setenv("AWS_ENDPOINT_URL_STS", "https://sts.example.com")
    assert of_other_services(session, "sts", "http://127.0.0.1:4566") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (VPC, True),
        ("https://dynamodb.cn-north-1.amazonaws.com.cn", True),
        ("https://dynamodb.us-east-1.api.aws", True),
        ("https://111122223333.ddb.us-east-1.amazonaws.com", True),
        ("https://dynamodb.us-iso-east-1.c2s.ic.gov", True),
        ("https://amazonaws.com.example.com", False),
        ("http://127.0.0.1:8000", False),
    ],
)
def test_whose_a_server_is_follows_from_its_name(url: str, expected: bool) -> None:
    assert is_aws(url) is expected


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_store_that_is_not_aws_has_its_buckets_in_the_path(keys: pytest.MonkeyPatch, variable: str) -> None:
    keys.setenv(variable, "http://minio.internal:9000")
    client = s3_client(boto3.Session(region_name="us-east-2"), None)
    assert url_of(client, "get_object", Bucket="bucket", Key="k") == "http://minio.internal:9000/bucket/k"
    client.close()


def test_a_bucket_of_aws_is_in_the_host(keys: pytest.MonkeyPatch) -> None:
    client = s3_client(boto3.Session(region_name="us-east-2"), None)
    assert url_of(client, "get_object", Bucket="bucket", Key="k").startswith("https://bucket.s3.us-east-2.")
    client.close()


SECRETS = [
    "http://admin:hunter2pw@127.0.0.1:8000", "http://hunter2pw@127.0.0.1:8000", "http://127.0.0.1:8000?token=hunter2pw",
    "http://127.0.0.1:8000/#hunter2pw", "ftp://a:hunter2pw@127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("section", ["source", "target", "staging"])
def test_a_secret_in_an_endpoint_of_the_file_is_refused_and_not_repeated(world: World, url: str, section: str) -> None:
    with pytest.raises(ConfigError, match="endpoint_url") as refused:
        load_config(world.config(**{section: {"endpoint_url": url}}))
    assert "hunter2pw" not in str(refused.value)


@pytest.mark.parametrize("url", SECRETS[:4])
@pytest.mark.parametrize(
    "variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "profile"]
)
def test_a_secret_in_an_endpoint_of_the_environment_is_refused_and_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, variable: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    if variable == "profile":
        (tmp_path / "config").write_text(f"[default]\nendpoint_url = {url}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    else:
        monkeypatch.setenv(variable, url)
    nothing = {"endpoint_url": None}
    config = load_config(world.config(source=nothing, target=nothing, staging=nothing))
    if variable == "AWS_ENDPOINT_URL_S3":
        guarded = session_of(config.target, Guard("staging", SOURCE, Calls()))
        with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as refused:
            s3_client(guarded, None)
    else:
        with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as refused:
            connect(config)
    assert "hunter2pw" not in str(refused.value)


def test_the_command_refuses_a_secret_in_an_endpoint_and_leaves_nothing_of_it(world: World) -> None:
    url = world.endpoint.replace("http://", "http://admin:hunter2pw@")
    config = world.config(source={"endpoint_url": url}, target={"endpoint_url": url})
    done = runbook_here("run", config, "--run-id", "r")
    assert done.returncode == 2
    assert "endpoint_url" in done.stderr
    assert "hunter2pw" not in done.stdout + done.stderr
    assert not (world.folder / "reports").exists()


def test_only_what_can_be_a_secret_is_one() -> None:
    assert [secret_in(u) is None for u in ("http://a:1", "http://a/b", "http://a/?", "http://u@a")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_proxy_with_credentials_is_never_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://admin:hunter2pw@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    here = {"endpoint_url": "http://dynamodb.internal"}
    with pytest.raises(ConfigError) as refused:
        connect(load_config(world.config(source=here, target=here)))
    assert "hunter2pw" not in str(refused.value)


class Keys:
    """Credentials in a file, as a chain reads them."""

    def __init__(self) -> None:
        self.name = "OLD"

    def load(self) -> Any:
        return boto3.Session(self.name, "s", f"t-{self.name}").get_credentials()


def expired(asked: Asked) -> Said:
    if "Credential=OLD/" in asked.headers["authorization"]:
        return refusal("ExpiredTokenException")
    return 200, [], b'{"Items":[],"Count":0,"TableNames":[]}'


def test_keys_that_expired_are_read_anew_by_the_wire_and_by_boto3() -> None:
    kept = Keys()
    for ask in ("wire", "boto3"):
        kept.name = "OLD"
        chain = Chain(kept.load)
        with between("", before=expired) as server:
            held = botocore.session.Session()
            held.register_component("credential_provider", SimpleNamespace(load_credentials=lambda held=chain: held))
            chain.attach(held.get_component("event_emitter"))
            core = boto3.Session(botocore_session=held, region_name="us-east-2")
            client = client_of(core, "dynamodb", server.endpoint)
            transport = DynamoDBTransport(client, chain, Guard("source", SOURCE, Calls()))
            pauses: list[float] = []

            def sleep(seconds: float, pauses: list[float] = pauses) -> None:
                pauses.append(seconds)
                kept.name = "NEW" if len(pauses) == 2 else kept.name

            if ask == "wire":
                assert transport.read("Scan", b"{}", Backoff(sleep=sleep)).startswith(b"{")
                assert len(server.asked) in (3, 4)
            else:
                kept.name = "NEW"
                assert client.list_tables()["TableNames"] == []
                assert len(server.asked) == 2
            client.close()


def test_keys_that_nobody_replaces_end_the_work_soon_and_say_what_to_do() -> None:
    now = [0.0]
    with between("", before=expired) as server:
        client = boto3.client(
            "dynamodb", "us-east-2", endpoint_url=server.endpoint, aws_access_key_id="x", aws_secret_access_key="x"
        )
        transport = DynamoDBTransport(
            client, Chain(Keys().load), Guard("source", SOURCE, Calls()), clock=lambda: now[0]
        )

        def sleep(seconds: float) -> None:
            now[0] += 4

        with pytest.raises(CredentialsExpired, match="run again with the same run id"):
            transport.read("Scan", b"{}", Backoff(sleep=sleep))
        assert len(server.asked) == 5
        client.close()


@pytest.mark.whole
def test_an_import_goes_on_with_keys_that_another_program_writes(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.pair("a", things(200))
    file = tmp_path / "credentials"

    def write(name: str) -> None:
        text = f"[default]\naws_access_key_id={name}\naws_secret_access_key=s\naws_session_token=t-{name}\n"
        file.write_text(text)

    write("OLD")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    refused = []

    def before(asked: Asked) -> Said | None:
        old = "Credential=OLD/" in asked.headers.get("authorization", "")
        if asked.operation != "BatchWriteItem" or not old or world_server.operations().count("BatchWriteItem") < 3:
            return None
        refused.append(asked)
        if len(refused) == 3:
            write("NEW")
        return refusal("ExpiredTokenException")

    with between(world.endpoint, before=before) as world_server:
        config = world.config(target={"endpoint_url": world_server.endpoint})
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(refused) >= 3


def test_a_store_that_knows_no_checksums_in_trailers_takes_a_scan(world: World) -> None:
    world.pair("a", things(30), pitr=False)
    refused = []

    def before(asked: Asked) -> Said | None:
        # Over TLS botocore's own checksum of a stream is a trailer, here it is a header: neither may be there.
        newer = ("x-amz-trailer", "x-amz-checksum-", "x-amz-sdk-checksum-")
        chunked = "aws-chunked" in asked.headers.get("content-encoding", "")
        if asked.method != "PUT" or not (chunked or any(name.startswith(newer) for name in asked.headers)):
            return None
        refused.append(asked.path)
        return 501, [("Content-Type", "application/xml")], b"<Error><Code>NotImplemented</Code></Error>"

    with between(world.endpoint, before=before) as store:
        run = world.open(staging={"endpoint_url": store.endpoint})
        preflight(run)
        assert export_tables(run)[world.src("a")]["status"] == "COMPLETED"
        assert any(asked.method == "PUT" for asked in store.asked)
    assert refused == []


def test_a_store_that_insists_on_content_md5_removes_what_it_is_asked_to(world: World) -> None:
    def before(asked: Asked) -> Said | None:
        if asked.method != "POST" or "delete" not in asked.path:
            return None
        if asked.headers.get("content-md5") == b64encode(md5(asked.body).digest()).decode():
            return None
        body = b"<Error><Code>InvalidRequest</Code><Message>Missing required header: Content-MD5</Message></Error>"
        return 400, [("Content-Type", "application/xml")], body

    keys = [f"k{n}" for n in range(3)]
    for key in keys:
        world.put_object(key, b"x")
    with between(world.endpoint, before=before) as store:
        clients = connect(load_config(world.config(staging={"endpoint_url": store.endpoint})))
        delete_objects(clients.staging_remover(), world.bucket, keys)
        sent = [asked.headers for asked in store.asked if asked.method == "POST" and "delete" in asked.path]
    assert "Contents" not in world.s3.list_objects_v2(Bucket=world.bucket)
    assert sent
    assert not [name for headers in sent for name in headers if "checksum" in name]


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_role_that_cannot_be_assumed_is_named_as_what_it_is(world: World, side: str) -> None:
    def before(asked: Asked) -> Said | None:
        if b"Action=AssumeRole" not in asked.body:
            return None
        body = (
            b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>User x may not assume it</Message></Error>"
            b"</ErrorResponse>"
        )
        return 403, [("Content-Type", "text/xml")], body

    with between(world.endpoint, before=before) as server:
        role = {"endpoint_url": server.endpoint, "role_arn": f"arn:aws:iam::{ACCOUNT}:role/none"}
        ended = runbook_here("run", world.config(**{side: role}), "--run-id", "r")
    assert ended.returncode == 2
    assert f"{side}: the credentials cannot be had" in ended.stderr
    assert "role_arn" in ended.stderr
    assert "no DynamoDB answers" not in ended.stderr


def test_the_sandbox_works_with_one_endpoint_for_all(world: World) -> None:
    world.pair("a", things(1))
    config = load_config(world.config())
    clients = connect(config)
    assert clients.source_identity.arn
    assert make_plan(config, clients).checks


def test_new_keys_of_another_account_are_not_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Keys()
    chain = Chain(kept.load)
    used, kept.name = chain.get_frozen_credentials(), "NEW"

    def of_another(asked: Asked, said: Said) -> Said:
        return said[0], said[1], said[2].replace(b"111122223333", b"444455556666")

    with between(world.endpoint, after=of_another) as server:
        chain.bind("target", "111122223333", "us-east-2", server.endpoint)
        with pytest.raises(CredentialsError, match="should be of account 111122223333, found 444455556666"):
            chain.renew(used)
        assert chain.get_frozen_credentials() == used
    chain.bind("target", "111122223333", "us-east-2", world.endpoint)
    assert chain.renew(used)
    assert chain.get_frozen_credentials().access_key == "NEW"


def test_the_models_of_aws_are_read_once_for_all_sessions(keys: pytest.MonkeyPatch, world: World) -> None:
    sides = (world.open().config.source, world.open("second").config.target)
    first, second = (session_of(side, Guard("source", SOURCE, Calls())) for side in sides)
    assert client_of(first, "sts", None).meta.service_model.metadata is (
        client_of(second, "sts", None).meta.service_model.metadata
    )
    assert first.events is not second.events
