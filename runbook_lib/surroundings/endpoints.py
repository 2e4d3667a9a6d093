"""The addresses of the new place: interfaces that are there, and queues and topics as they are to be called."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS
from runbook_lib.aws.reading.listings import FUNCTIONS, GRAPHQL_APIS, HTTP_APIS, HTTP_STAGES, REST_APIS, REST_STAGES
from runbook_lib.aws.reading.reader import UNLIKE_AWS, ServiceReader, Unread
from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.estate.resource import Estate, ResourceKind


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """An address, and the command that shows whether it answers; `of` is what it belongs to, by its name."""

    kind: str
    name: str
    address: str
    test: str
    of: str = ""


def messaging_endpoints(expected: Estate, who: Identity) -> list[ServiceEndpoint]:
    """The addresses of queues and topics as they are to be called."""
    return [*_messaging(expected, who)]


def functions_of(clients: Clients) -> tuple[frozenset[str], list[str]]:
    """The names of the functions in the target, and the calls that were refused."""
    with closing(reading_client(clients, "target", "lambda", REFERENCE_READS)) as client:
        reader = ServiceReader("target", client)
        names = frozenset(str(entry.get("FunctionName", "")) for entry in reader.entries(FUNCTIONS))
        return names, _refused(reader)


def interfaces_of(clients: Clients, side: str) -> tuple[list[ServiceEndpoint], list[str]]:
    """Every address of an API on a side, and the calls that were refused."""
    who = clients.source_identity if side == "source" else clients.target_identity
    found: list[ServiceEndpoint] = []
    unread: list[str] = []
    asked: tuple[tuple[str, Callable[[ServiceReader, Identity], Iterator[ServiceEndpoint]]], ...] = (
        ("apigateway", _rest), ("apigatewayv2", _http), ("appsync", _graphql),
    )  # fmt: skip
    for service, read in asked:
        with closing(reading_client(clients, side, service, REFERENCE_READS)) as client:
            reader = ServiceReader(side, client)
            try:
                found += list(read(reader, who))
            except UNLIKE_AWS as error:
                reader.unread.append(Unread(side, service, "reading", type(error).__name__))
            unread += _refused(reader)
    return found, unread


def _refused(reader: ServiceReader) -> list[str]:
    return [f"{u.side}: {u.service}:{u.operation}: {u.code}" for u in reader.unread]


def _messaging(expected: Estate, who: Identity) -> Iterator[ServiceEndpoint]:
    suffix = "amazonaws.com.cn" if who.partition == "aws-cn" else "amazonaws.com"
    for resource in expected.of([ResourceKind.QUEUE]):
        url = f"https://sqs.{who.region}.{suffix}/{who.account}/{resource.name}"
        test = f"aws sqs get-queue-attributes --region {who.region} --queue-url {url}"
        yield ServiceEndpoint("queue", resource.name, url, test)
    for resource in expected.of([ResourceKind.TOPIC]):
        arn = f"arn:{who.partition}:sns:{who.region}:{who.account}:{resource.name}"
        yield ServiceEndpoint(
            "topic", resource.name, arn, f"aws sns get-topic-attributes --region {who.region} --topic-arn {arn}"
        )


def _answers(url: str) -> str:
    return f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {shlex.quote(url)}"


def _rest(reader: ServiceReader, who: Identity) -> Iterator[ServiceEndpoint]:
    for api in reader.entries(REST_APIS):
        for stage in reader.entries(REST_STAGES, api["name"], restApiId=api["id"]):
            url = f"https://{api['id']}.execute-api.{who.region}.amazonaws.com/{stage['stageName']}"
            yield ServiceEndpoint("REST API", f"{api['name']}, {stage['stageName']}", url, _answers(url), api["name"])


def _http(reader: ServiceReader, who: Identity) -> Iterator[ServiceEndpoint]:
    for api in reader.entries(HTTP_APIS):
        base = str(api.get("ApiEndpoint") or f"https://{api['ApiId']}.execute-api.{who.region}.amazonaws.com")
        for stage in reader.entries(HTTP_STAGES, api.get("Name", ""), ApiId=api["ApiId"]):
            name = stage["StageName"]
            url = base if name == "$default" else f"{base}/{name}"
            of = str(api.get("Name", ""))
            yield ServiceEndpoint("HTTP API", f"{of}, {name}", url, _answers(url), of)


def _graphql(reader: ServiceReader, who: Identity) -> Iterator[ServiceEndpoint]:
    for api in reader.entries(GRAPHQL_APIS):
        url = str((api.get("uris") or {}).get("GRAPHQL") or "")
        asked = """curl -sS -H 'content-type: application/json' -d '{"query":"{__typename}"}'"""
        yield ServiceEndpoint(
            "GraphQL API", api.get("name", ""), url, f"{asked} {shlex.quote(url)}", api.get("name", "")
        )
