"""The handbook of the new place, made from what is found: addresses, what to set to which name, tests, what is missing.

It holds names and addresses; what a variable holds is never in it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration, load_config
from runbook_lib.estate.compare import Acting, Likeness
from runbook_lib.iac.policy_statements import table_arn
from runbook_lib.iac.surroundings.of_config import Now, the_moment
from runbook_lib.plan.naming import select_tables
from runbook_lib.references.find import find_references
from runbook_lib.references.listing import unread_words
from runbook_lib.run.facts.around.references import References
from runbook_lib.surroundings.both_sides import BothSides, compare_sides, unknown_lines_of
from runbook_lib.surroundings.deployment import deployment_lines
from runbook_lib.surroundings.endpoints import ServiceEndpoint, functions_of, interfaces_of, messaging_endpoints
from runbook_lib.surroundings.to_set import (
    functions_named,
    missing_functions,
    missing_interfaces,
    table_lines,
    to_set_lines,
)
from runbook_lib.timestamps import format_timestamp

Lines = list[str]
COLUMNS, UNLIKE = ("kind", "name", "address"), ("kind", "source", "target", "")
LONGEST_NAME = 100  # of a hook


def handbook_of(config_path: str | Path, now: Now = the_moment) -> str:
    """The handbook as Markdown."""
    config = load_config(config_path)
    clients = connect(config)
    tables = select_tables(config, list_tables(clients.source))
    at = now()
    return handbook_text(config, clients, tables, compare_sides(config, clients, tables, at), format_timestamp(at))


def handbook_text(config: Migration, clients: Clients, tables: Mapping[str, str], both: BothSides, at: str) -> str:
    """The handbook of a comparison that was made; interfaces and references are looked for anew."""
    who = clients.target_identity
    interfaces, unread = interfaces_of(clients, "target")
    old_interfaces, unread_there = interfaces_of(clients, "source")
    functions, unread_functions = functions_of(clients)
    endpoints = [*messaging_endpoints(both.expected, who), *interfaces]
    references = find_references(clients, tables, roles=config.references.roles)
    used = functions_named(references, both.names)
    wanting = [
        *([] if unread else missing_interfaces(old_interfaces, interfaces, both.names)),
        *([] if unread_functions else missing_functions(used, functions)),
    ]
    lines = [
        *_head(config, who, at),
        *deployment_lines(config, both),
        *_tables(tables, who),
        *_endpoints(endpoints),
        *to_set_lines(references, both, who),
        *_tests(endpoints, sorted(used), who.region),
        *_not_there(both, wanting),
        *_unknown(both, references, [*unread, *unread_there, *unread_functions]),
    ]
    return "\n".join(lines)


def _head(config: Migration, who: Identity, at: str) -> Lines:
    return [
        f"# Handbook: {config.name}, from {config.source.region} to {config.target.region}", "",
        f"Made by `runbook surroundings` at {at} from what was found in {who.account}/{who.region} and in "
        "the source. Names and addresses only: what a variable holds was neither kept nor written.", "",
    ]  # fmt: skip


def _tables(tables: Mapping[str, str], who: Identity) -> Lines:
    rows = [[old, new, table_arn(who, new)] for old, new in tables.items()]
    return ["## Tables", "", *table_lines(("old", "new", "new ARN"), rows, "None.")]


def _endpoints(endpoints: list[ServiceEndpoint]) -> Lines:
    rows = [[each.kind, each.name, each.address] for each in endpoints]
    return [
        "## Addresses",
        "",
        *table_lines(COLUMNS, rows, "No interface, queue or topic is known."),
    ]


def _tests(endpoints: list[ServiceEndpoint], functions: list[str], region: str) -> Lines:
    asked = f"aws lambda invoke --invocation-type DryRun --region {region} --function-name"
    of_functions = [ServiceEndpoint("function", name, "", f"{asked} {name} /dev/null") for name in functions]
    tested = [*endpoints, *of_functions]
    if not tested:
        return ["## Tests", "", "Nothing is known that could be tested.", ""]
    probes = yaml.safe_dump({"hooks": {"smoke": [_probe(each) for each in tested]}}, sort_keys=False, width=140)
    return [
        "## Tests", "", "One for each address and function; no message is received, nothing written. An API often "
        "answers its root with 403 or 404: put a path that answers there, or the status that you expect.", "",
        "```sh", *(each.test for each in tested), "```", "",
        "The same as probes of the cut-over, for the migration file:", "", "```yaml", probes.rstrip(), "```", "",
    ]  # fmt: skip


def _probe(endpoint: ServiceEndpoint) -> dict[str, object]:
    """A test as `hooks.smoke` takes it; what asks AWS gets the profile that the environment names."""
    named = {"name": f"{endpoint.kind} {endpoint.name}"[:LONGEST_NAME]}
    if endpoint.kind == "GraphQL API":
        query = {"endpoint": endpoint.address, "query": "{__typename}", "path": "__typename"}
        return {**named, "graphql": query}
    if endpoint.kind in ("REST API", "HTTP API"):
        return {**named, "http": {"url": endpoint.address}}
    return {**named, "run": shlex.split(endpoint.test), "environment": ["AWS_PROFILE"]}


def _not_there(both: BothSides, wanting: list[list[str]]) -> Lines:
    rows = [
        [
            row.kind,
            row.source,
            row.target,
            row.likeness.value if row.likeness is not Likeness.EQUAL else row.acting.value,
        ]
        for row in both.rows
        if row.likeness is not Likeness.EQUAL or row.acting is Acting.ASLEEP
    ]
    rows += wanting
    all_there = "All that was compared is there, equal and awake." if both.rows else "Nothing was compared."
    return [
        "## Not there yet, different, or asleep",
        "",
        *table_lines(UNLIKE, rows, all_there),
    ]


def _unknown(both: BothSides, references: References, unread: list[str]) -> Lines:
    refused = [*unread, *map(unread_words, references.not_read)]
    return unknown_lines_of(replace(both, not_read=tuple(dict.fromkeys((*both.not_read, *refused)))))
