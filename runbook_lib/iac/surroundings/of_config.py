"""`runbook surroundings`: the source's queues, topics, rules, alarms and dashboards for the target, as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.guard.reading_calls import SURROUNDING_READS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.config.model import Migration, load_config
from runbook_lib.errors import ConfigError
from runbook_lib.estate.extract.read import read_estate
from runbook_lib.estate.name_map import NameMap, mistakes_of
from runbook_lib.estate.resource import STACKS, Estate, Json, Resource
from runbook_lib.estate.rewrite import Rewriting
from runbook_lib.estate.selection import Selection, selection_of
from runbook_lib.iac.cloudformation import cloudformation
from runbook_lib.iac.surroundings.app import surroundings_app
from runbook_lib.iac.surroundings.template import around_template
from runbook_lib.plan.naming import select_tables

MOST_BYTES = 1_000_000  # of a template in S3; source: "Understand CloudFormation quotas", CloudFormation User Guide
Now = Callable[[], datetime]


def the_moment() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The estate of the source, and its resources as they are to be in the target."""

    estate: Estate
    resources: tuple[Resource, ...]
    tables: Mapping[str, str]


def surroundings_of(config_path: str | Path, form: str, stack: str | None = None, now: Now = the_moment) -> str:
    """The surroundings as `cloudformation` (YAML) or `cdk` (Python); `stack` chooses messaging or monitoring.

    Raises ConfigError for names that cannot be, and where a template cannot hold all of it.
    """
    config = load_config(config_path)
    clients = connect(config)
    tables = select_tables(config, list_tables(clients.source))
    whole = template_of(config, rewritten_estate(config, clients, tables, now()), stack)
    if form == "cdk":
        return surroundings_app(whole, f"{stack or 'surroundings'}-{config.name}", config.target.region)
    return as_yaml(whole)


def as_yaml(template: Json) -> str:
    """A template as a text; raises ConfigError for one that CloudFormation would not take."""
    text = cloudformation(template)
    if (size := len(text.encode())) > MOST_BYTES:
        raise ConfigError(
            f"surroundings: a template has at most {MOST_BYTES:,} bytes, found {size:,}; write one for each --stack, "
            "or narrow surroundings.dashboards and the others and write one for each part"
        )
    return text


def rewritten_estate(config: Migration, clients: Clients, tables: Mapping[str, str], now: datetime) -> Rewritten:
    """Read what the migration file means in the source, and rewrite it for the target."""
    estate = estate_of(clients, "source", selection_of(config.surroundings, tables), now)
    return rewrite_estate(config, estate, tables, clients.source_identity, clients.target_identity)


def rewrite_estate(
    config: Migration, estate: Estate, tables: Mapping[str, str], source: Identity, target: Identity
) -> Rewritten:
    """An estate rewritten by the names of a migration file; raises ConfigError with every name that cannot be."""
    names = NameMap(config, tables)
    same_place, same_account = source.place == target.place, source.account == target.account
    if mistakes := mistakes_of(estate, names, same_place=same_place, same_account=same_account):
        raise ConfigError("\n".join(mistakes))
    rewriting = Rewriting(estate, names, tables, source, target)
    resources = tuple(rewriting.whole())
    said = dict.fromkeys((*estate.unexpressed, *rewriting.said))
    return Rewritten(replace(estate, unexpressed=tuple(said)), resources, tables)


def template_of(config: Migration, rewritten: Rewritten, stack: str | None) -> Json:
    """The template of one stack, or of both together."""
    if stack not in (None, *STACKS):
        raise ConfigError(f"--stack: expected one of {', '.join(STACKS)}, found {stack!r}")
    chosen = [r for r in rewritten.resources if stack is None or r.kind.stack == stack]
    if not chosen:
        raise ConfigError(
            f"surroundings: nothing of the source is meant{f' for --stack {stack}' if stack else ''}: "
            f"{len(rewritten.tables)} tables have no streams with readers, alarms or dashboards, or they could not be "
            "read; name queues, topics, buses and others in surroundings"
        )
    description = (
        f"{(stack or 'Messaging and monitoring').capitalize()} of {config.source.region} for {config.target.region}, "
        f"migration {config.name}; written by runbook surroundings."
    )
    return around_template(description, chosen, rewritten.estate.unexpressed, rewritten.estate.not_read)


def estate_of(clients: Clients, side: str, wanted: Selection, now: datetime) -> Estate:
    """One side's surroundings, read by clients that can do nothing else."""
    who = clients.source_identity if side == "source" else clients.target_identity
    made: list[Any] = []

    def reader_of(service: str) -> ServiceReader:
        made.append(client := reading_client(clients, side, service, SURROUNDING_READS))
        return ServiceReader(side, client)

    try:
        return read_estate(reader_of, who, wanted, now)
    finally:
        for client in made:
            with closing(client):
                pass
