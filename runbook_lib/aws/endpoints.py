"""Where requests go: the endpoint of each call as botocore chooses it, and what no endpoint may carry.

The `endpoint_url` of a side is DynamoDB's, and of the staging S3's. A server that is not AWS, such as the sandbox,
is asked for its STS and other services too; an endpoint of AWS itself, for instance of a VPC, is DynamoDB's alone.
"""

from __future__ import annotations

import ipaddress
import os
from base64 import b64encode
from functools import cache
from hashlib import md5
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from runbook_lib.errors import ConfigError, TransferError
from runbook_lib.version import __version__

CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 8},
    connect_timeout=10,
    read_timeout=70,
    max_pool_connections=256,
    user_agent_extra=f"dynamodb-migration-runbook/{__version__}",
)
SPELLED = {"application-autoscaling": "application-auto-scaling"}  # in the names of variables
PLAIN_NAMES: dict[str, Any] = {"TableName": "table", "RequestItems": {"table": []}}
OLDER_STORES = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}


def client_of(session: Any, service: str, endpoint: str | None = None, config: Config = CONFIG) -> Any:
    """A client of one service; raises ConfigError where its endpoint, wherever it was set, carries a secret."""
    try:
        client = session.client(service, endpoint_url=endpoint, config=config)
    except ValueError:  # its message repeats the whole endpoint
        raise ConfigError(f"{_where(endpoint)}: expected http(s)://HOST[:PORT], found something else") from None
    if secret := secret_in(client.meta.endpoint_url):
        client.close()
        raise ConfigError(
            f"{_where(endpoint)}: expected http(s)://HOST[:PORT], found {secret} in it; nothing was sent. Credentials "
            "come from the AWS credential chain only"
        )
    return client


def _where(endpoint: str | None) -> str:
    return "endpoint_url" if endpoint else "AWS_ENDPOINT_URL... or the profile's endpoint_url"


def secret_in(url: str) -> str | None:
    """What of a URL may be a secret, named and not repeated."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user name or password"
    return "a query or fragment" if parts.query or parts.fragment or url.rstrip().endswith(("?", "#")) else None


def s3_client(session: Any, endpoint: str | None, settings: Config = CONFIG) -> Any:
    """An S3 client. Another server than AWS has its buckets in the path, and may know no checksums in trailers."""
    if endpoint is None or is_aws(endpoint):  # the former may lead to another server, too: only botocore knows
        client = client_of(session, "s3", endpoint, settings)
        if is_aws(client.meta.endpoint_url):
            return client
        client.close()
    config = settings.merge(Config(s3={"addressing_style": "path"}))
    said = session._session.get_scoped_config() if hasattr(session, "_session") else {}
    older = {k: v for k, v in OLDER_STORES.items() if f"AWS_{k.upper()}" not in os.environ and k not in said}
    client = client_of(session, "s3", endpoint, config.merge(Config(**older)))
    client.meta.events.register("before-call.s3.DeleteObjects", _with_md5)
    return client


def _with_md5(params: dict[str, Any], **_: Any) -> None:
    """Give a request the one checksum that every store knows, and some insist on, in place of botocore's CRC-32."""
    body = params["body"] if isinstance(params["body"], bytes) else str(params["body"]).encode()
    params["headers"]["Content-MD5"] = b64encode(md5(body, usedforsecurity=False).digest()).decode()
    params["context"].pop("checksum", None)


def of_other_services(session: Any, service: str, endpoint: str | None) -> str | None:
    """The endpoint at which to ask another service than DynamoDB; None is where botocore itself would ask."""
    name = SPELLED.get(service, service)
    own = f"AWS_ENDPOINT_URL_{name.upper().replace('-', '_')}"
    if endpoint is None or is_aws(endpoint) or os.environ.get(own):
        return None
    return endpoint


def endpoint_of(client: Any, operation: str) -> str:
    """Where botocore would send an operation that names plain tables, for instance to the account's own endpoint."""
    # botocore has no public way to ask; a test holds this to where its clients send.
    resolver = client._ruleset_resolver
    if resolver is None:
        return str(client.meta.endpoint_url)
    model = client.meta.service_model.operation_model(operation)
    try:
        return str(resolver.construct_endpoint(operation_model=model, call_args=PLAIN_NAMES, request_context={}).url)
    except BotoCoreError as error:
        raise TransferError(f"{operation} has no endpoint: {error}; check AWS_ACCOUNT_ID_ENDPOINT_MODE") from None


def is_aws(url: str) -> bool:
    """Whether a URL leads to AWS, in any of its partitions."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host.endswith(_suffixes())


def is_local(endpoint: str | None) -> bool:
    """Whether an endpoint is on this machine."""
    host = (urlsplit(endpoint or "").hostname or "").rstrip(".")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _suffixes() -> tuple[str, ...]:
    partitions = botocore.session.Session().get_data("partitions")["partitions"]
    outputs = [partition["outputs"] for partition in partitions]
    return tuple(sorted({f".{o[name]}" for o in outputs for name in ("dnsSuffix", "dualStackDnsSuffix")}))
