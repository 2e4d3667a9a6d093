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
from runbook_lib.iac.surroundings.of_config import Now, the_moment
from runbook_lib.plan.naming import select_tables
from runbook_lib.references.find import find_references
from runbook_lib.references.listing import table_cell, unread_words
from runbook_lib.references.old_names import How
from runbook_lib.run.facts.around.references import Reference, References
from runbook_lib.surroundings.both_sides import BothSides, compare_sides, unknown_lines_of
from runbook_lib.surroundings.endpoints import ServiceEndpoint, endpoints_of
from runbook_lib.timestamps import format_timestamp

Lines = list[str]
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
    endpoints, unread = endpoints_of(clients, both.expected)
    references = find_references(clients, tables, roles=config.references.roles)
    who = clients.target_identity
    lines = [
        *_head(config, who, at),
        *_tables(tables, who),
        *_endpoints(endpoints),
        *_to_set(references, who),
        *_tests(endpoints, references, who.region),
        *_not_there(both),
        *_unknown(both, references, unread),
    ]
    return "\n".join(lines)


def _head(config: Migration, who: Identity, at: str) -> Lines:
    return [
        f"# Handbook: {config.name}, from {config.source.region} to {config.target.region}", "",
        f"Made by `runbook surroundings --handbook` at {at} from what was found in {who.account}/{who.region} and in "
        "the source. Names and addresses only: what a variable holds was neither kept nor written.", "",
    ]  # fmt: skip


def _rows(columns: tuple[str, ...], rows: list[list[str]], nothing: str) -> Lines:
    if not rows:
        return [nothing, ""]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return [*lines, *(f"| {' | '.join(map(table_cell, row))} |" for row in rows), ""]


def _arn(table: str, who: Identity) -> str:
    return f"arn:{who.partition}:dynamodb:{who.region}:{who.account}:table/{table}"


def _tables(tables: Mapping[str, str], who: Identity) -> Lines:
    rows = [[old, new, _arn(new, who)] for old, new in tables.items()]
    return ["## Tables", "", *_rows(("old", "new", "new ARN"), rows, "None.")]


def _endpoints(endpoints: list[ServiceEndpoint]) -> Lines:
    rows = [[each.kind, each.name, each.address] for each in endpoints]
    return ["## Addresses", "", *_rows(("kind", "name", "address"), rows, "No interface, queue or topic is known.")]


def _to_set(references: References, who: Identity) -> Lines:
    """Every place that names an old table, and what it has to say instead."""
    rows = [[r.service, r.resource, r.side, r.where, _instead(r, who)] for r in references.found]
    return [
        "## What to set", "",
        *_rows(("service", "resource", "side", "where", "to"), rows, "No place that was looked at names an old table."),
    ]  # fmt: skip


def _instead(reference: Reference, who: Identity) -> str:
    new = reference.target
    if reference.how == How.ARN:
        return f"{_arn(new, who)} in place of that of {reference.source}"
    if reference.how == How.NAME:
        return new
    if reference.how == How.STEM:
        return f"how the new names begin, for instance of {new} ({reference.tables} tables)"
    return f"{new} in place of {reference.source}"


def _tests(endpoints: list[ServiceEndpoint], references: References, region: str) -> Lines:
    functions = sorted({r.resource.partition(":")[0] for r in references.found if r.service == "function"})
    asked = f"aws lambda invoke --invocation-type DryRun --region {region} --function-name"
    of_functions = [ServiceEndpoint("function", name, "", f"{asked} {name} /dev/null") for name in functions]
    tested = [*endpoints, *of_functions]
    if not tested:
        return ["## Tests", "", "Nothing is known that could be tested.", ""]
    probes = yaml.safe_dump({"hooks": {"smoke": [_probe(each) for each in tested]}}, sort_keys=False, width=140)
    return [
        "## Tests", "", "One for each address and function; none of them receives a message or writes.", "",
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


def _not_there(both: BothSides) -> Lines:
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
    all_there = "All that was compared is there, equal and awake." if both.rows else "Nothing was compared."
    return ["## Not there yet, different, or asleep", "", *_rows(("kind", "source", "target", ""), rows, all_there)]


def _unknown(both: BothSides, references: References, unread: list[str]) -> Lines:
    refused = [*unread, *map(unread_words, references.not_read)]
    return unknown_lines_of(replace(both, not_read=tuple(dict.fromkeys((*both.not_read, *refused)))))
