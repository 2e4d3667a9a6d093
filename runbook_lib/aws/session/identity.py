"""Who a side is: its session, account and region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from runbook_lib.aws.credentials import Chain, credentials_of
from runbook_lib.aws.deadlines import Session
from runbook_lib.aws.dynamodb.describe.unknown_members import note_unfamiliar
from runbook_lib.aws.endpoints import client_of, is_aws, is_local, of_other_services
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.errors import ConfigError, CredentialsError


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a side is: `arn` is None where the server has no STS."""

    account: str
    region: str
    arn: str | None
    endpoint: str

    @property
    def place(self) -> list[str]:
        """Region and account, in the order of an ARN."""
        return [self.region, self.account]

    @property
    def spelled(self) -> str:
        """Account and region, as a person writes them: `111122223333/us-east-1`."""
        return f"{self.account}/{self.region}"

    @property
    def partition(self) -> str:
        """aws, aws-cn or aws-us-gov, as the ARN says; a server without STS has none."""
        return self.arn.split(":")[1] if self.arn else "aws"

    @property
    def principal(self) -> str | None:
        """The IAM user or role behind `arn`; None for the root user and where it is not told."""
        parts = (self.arn or "").split(":", 5)
        if len(parts) == 6 and parts[2] == "iam" and parts[5].startswith("user/"):
            return self.arn
        if len(parts) == 6 and parts[2] == "sts" and parts[5].startswith("assumed-role/"):
            return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"
        return None

    @property
    def is_aws(self) -> bool:
        return is_aws(self.endpoint)


@cache
def _models(data_path: str | None) -> Loader:
    """AWS's models, read once for all sessions: parsing them takes longer than everything else about a client."""
    return create_loader(data_path)


def chain_of(side: Any, name: str) -> Chain:
    """The credentials of a side, or of whoever a place names; raises CredentialsError where there are none."""
    try:
        chain = credentials_of(side)
    except BotoCoreError as error:
        raise CredentialsError(f"{name}: {error}; check 'profile' and the AWS files it names") from None
    if not chain.found:
        raise CredentialsError(
            f"{name}: no AWS credentials found; expected a profile, a role or AWS_ACCESS_KEY_ID "
            "in the environment (see the AWS credential chain)"
        )
    return chain


def session_of(side: Any, guard: Guard, region: str | None = None, chain: Chain | None = None) -> boto3.Session:
    """A session of one side's credentials whose every call the guard hears of.

    Whoever was identified hands its `chain` on: read anew, the keys may have become those of another account.
    """
    events = (core := Session(profile=side.profile)).get_component("event_emitter")
    guard.attach(events)
    note_unfamiliar(events)
    try:
        core.register_component("data_loader", _models(core.get_config_variable("data_path")))
        session = boto3.Session(botocore_session=core, region_name=region or side.region)
    except BotoCoreError as error:
        raise CredentialsError(f"{guard.side}: {error}; check 'profile' and the AWS files it names") from None
    chain = chain or chain_of(side, guard.side)
    chain.attach(events)
    core._credentials = chain
    return session


SANDBOX_GONE = (
    "that is on this machine. If it was the sandbox of runbook demo, it has ended with the demo, and nothing is left "
    "to go on with: runbook demo --sabotage lost-items --then-repair shows a repair, and runbook sandbox "
    "--migration FILE stays up, for a new run"
)


def identify(side: str, session: boto3.Session, client: Any, endpoint: str | None) -> Identity:
    """Ask STS who the side is; a server that is not AWS may have none, then a table's ARN says it."""
    region, url = client.meta.region_name, client.meta.endpoint_url
    try:
        session.get_credentials().get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        raise CredentialsError(
            f"{side}: the credentials cannot be had, so nothing was asked of {url}: {error}; check 'role_arn' and "
            "'profile', and whether this identity may assume the role"
        ) from None
    try:
        answer = client_of(session, "sts", of_other_services(session, "sts", endpoint)).get_caller_identity()
        session.get_credentials().bind(side, answer["Account"], region, of_other_services(session, "sts", endpoint))
        return Identity(answer["Account"], region, answer["Arn"], url)
    except (BotoCoreError, ClientError) as error:
        if is_aws(url):
            raise CredentialsError(f"{side}: sts:GetCallerIdentity failed: {error}; check the credentials") from None
    return Identity(_account_of_tables(side, client, url), region, None, url)


def _account_of_tables(side: str, client: Any, url: str) -> str:
    try:
        names = client.list_tables(Limit=1)["TableNames"] if side == "source" else []
        table = client.describe_table(TableName=names[0]).get("Table") or {} if names else {}
    except (BotoCoreError, ClientError) as error:
        why = f"{error}; {SANDBOX_GONE}" if is_local(url) else str(error)
        raise ConfigError(f"{side}: no DynamoDB answers at {url}: {why}") from None
    parts = str(table.get("TableArn") or "").split(":")
    return parts[4] if len(parts) == 6 else "000000000000"
