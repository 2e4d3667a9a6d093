"""Sessions and clients of the three sides, made from the configuration and the credential chain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from runbook_lib import __version__
from runbook_lib.aws.guard import (
    SOURCE,
    STAGING,
    STAGING_DELETES,
    TARGET,
    TARGET_CREATES,
    TARGET_DELETES,
    TARGET_WRITES,
    Calls,
    Guard,
)
from runbook_lib.aws.offline import refuse_network
from runbook_lib.aws.wire import Wire
from runbook_lib.config import Migration
from runbook_lib.errors import ConfigError, CredentialsError

CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 8},
    connect_timeout=10,
    read_timeout=70,
    max_pool_connections=256,
    user_agent_extra=f"dynamodb-migration-runbook/{__version__}",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a side is: `arn` is None where the server has no STS."""

    account: str
    region: str
    arn: str | None
    endpoint: str

    def as_facts(self) -> dict[str, str | None]:
        return {"account": self.account, "region": self.region, "arn": self.arn, "endpoint": self.endpoint}


@dataclass(frozen=True, slots=True)
class Clients:
    """Everything a run may talk to. `target` cannot write; `writer()` can, to the tables it is given."""

    source: Any
    target: Any
    staging: Any
    source_wire: Wire
    target_wire: Wire
    source_identity: Identity
    target_identity: Identity
    calls: Calls
    _config: Migration
    _sessions: Mapping[str, boto3.Session]

    def writer(self, tables: frozenset[str]) -> Wire:
        """A wire that may also write, to the named target tables only."""
        guard = Guard("target", TARGET | TARGET_WRITES, self.calls)
        return Wire(self.target, self._sessions["target"].get_credentials(), guard, write_tables=tables)

    def service(self, side: str, name: str) -> Any:
        """A client of another service as the side's own identity, for instance its IAM."""
        endpoint = self._config.source.endpoint_url if side == "source" else self._config.target.endpoint_url
        return self._sessions[side].client(name, endpoint_url=endpoint, config=CONFIG)

    def creator(self, tables: frozenset[str]) -> Any:
        """A target client that may also create the named tables and settle what CreateTable does not take."""
        return self._granted(TARGET_CREATES, tables)

    def remover(self, tables: frozenset[str]) -> Any:
        """A target client that may also delete the named tables."""
        return self._granted(TARGET_DELETES, tables)

    def staging_remover(self) -> Any:
        """An S3 client of the staging side that may also delete objects, each by its key."""
        own = self._config.staging.profile or self._config.staging.role_arn
        side = self._config.staging if own else self._config.target
        session = _session(side, Guard("staging", STAGING | STAGING_DELETES, self.calls), self._config.staging.region)
        return session.client("s3", endpoint_url=self._config.staging.endpoint_url, config=_s3_config(self._config))

    def _granted(self, operations: frozenset[str], tables: frozenset[str]) -> Any:
        guard = Guard("target", TARGET, self.calls, dict.fromkeys(operations, tables))
        session = _session(self._config.target, guard)
        return session.client("dynamodb", endpoint_url=self._config.target.endpoint_url, config=CONFIG)


def connect(config: Migration) -> Clients:
    """Make the clients of a migration and find out who they are.

    Raises CredentialsError or ConfigError when a side cannot be reached at all.
    """
    refuse_network()
    calls = Calls()
    source_guard, target_guard = Guard("source", SOURCE, calls), Guard("target", TARGET, calls)
    staging_guard = Guard("staging", STAGING, calls)
    source = _session(config.source, source_guard)
    target = _session(config.target, target_guard)
    own = config.staging.profile or config.staging.role_arn
    staging = _session(config.staging if own else config.target, staging_guard, config.staging.region)
    source_client = source.client("dynamodb", endpoint_url=config.source.endpoint_url, config=CONFIG)
    target_client = target.client("dynamodb", endpoint_url=config.target.endpoint_url, config=CONFIG)
    return Clients(
        source=source_client,
        target=target_client,
        staging=staging.client("s3", endpoint_url=config.staging.endpoint_url, config=_s3_config(config)),
        source_identity=_identify("source", source, source_client, config.source.endpoint_url),
        target_identity=_identify("target", target, target_client, config.target.endpoint_url),
        source_wire=Wire(source_client, source.get_credentials(), source_guard),
        target_wire=Wire(target_client, target.get_credentials(), target_guard),
        calls=calls,
        _config=config,
        _sessions={"source": source, "target": target, "staging": staging},
    )


def _s3_config(config: Migration) -> Config:
    if config.staging.endpoint_url is None and not os.environ.get("AWS_ENDPOINT_URL"):
        return CONFIG
    return CONFIG.merge(Config(s3={"addressing_style": "path"}))


def _session(side: Any, guard: Guard, region: str | None = None) -> boto3.Session:
    core = botocore.session.Session(profile=side.profile)
    guard.attach(core.get_component("event_emitter"))
    try:
        session = boto3.Session(botocore_session=core, region_name=region or side.region)
        if side.role_arn:
            core._credentials = _assume(core, side)  # the documented way needs a profile on disk
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise CredentialsError(f"{guard.side}: {error}; check 'profile' and the AWS files it names") from None
    if credentials is None:
        raise CredentialsError(
            f"{guard.side}: no AWS credentials found; expected a profile, a role or AWS_ACCESS_KEY_ID "
            "in the environment (see the AWS credential chain)"
        )
    return session


def _assume(core: botocore.session.Session, side: Any) -> DeferredRefreshableCredentials:
    """Credentials of a role, refreshed by botocore before they expire."""
    base = core.get_credentials()
    if base is None:
        raise NoCredentialsError()
    # A session of its own: assuming the role is not a call of the guarded side.
    own = botocore.session.Session(profile=core.profile)
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(own.create_client, region_name=side.region, endpoint_url=side.endpoint_url),
        source_credentials=base,
        role_arn=side.role_arn,
        extra_args={"RoleSessionName": "dynamodb-migration-runbook"},
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _identify(side: str, session: boto3.Session, client: Any, endpoint: str | None) -> Identity:
    """Ask STS who the side is; a server that is not AWS may have none, then a table's ARN says it."""
    region, url = client.meta.region_name, client.meta.endpoint_url
    try:
        answer = session.client("sts", endpoint_url=endpoint, config=CONFIG).get_caller_identity()
        return Identity(answer["Account"], region, answer["Arn"], url)
    except (BotoCoreError, ClientError) as error:
        if _is_aws(url):
            raise CredentialsError(f"{side}: sts:GetCallerIdentity failed: {error}; check the credentials") from None
    return Identity(_account_of_tables(side, client, url), region, None, url)


def _account_of_tables(side: str, client: Any, url: str) -> str:
    try:
        names = client.list_tables(Limit=1)["TableNames"] if side == "source" else []
        arn = client.describe_table(TableName=names[0])["Table"]["TableArn"] if names else ""
    except (BotoCoreError, ClientError) as error:
        raise ConfigError(f"{side}: no DynamoDB answers at {url}: {error}") from None
    return arn.split(":")[4] if arn else "000000000000"


def _is_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
