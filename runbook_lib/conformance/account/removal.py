"""Removing what askings made, also those that were killed: known by tag or register, and waited for where it runs.

What an asking made is told by two witnesses: the tag that its tables have from their first moment, and the register, an
object that is written before anything else, where nothing was, and removed last. By the register alone only a table is
known that was made after it was written. What only has a name like theirs is left, and named.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.guard.conformance_calls import ID, OWN_PREFIX, OWN_TABLE, TAG
from runbook_lib.aws.outcome import FAILURES, code_of, outcome_of
from runbook_lib.aws.s3.objects import list_objects
from runbook_lib.aws.session.own_clients import OwnClients
from runbook_lib.conformance.account.still_running import no_bulk_put_runs, remembered_by_aws, unrest_of
from runbook_lib.errors import ConfigError, TableError

_REGISTER = "register.json"
_GONE = "ResourceNotFoundException"
_DELETED_AT_ONCE = 1000
_CLOCKS_APART = timedelta(minutes=5)
_LEFT_TO_WAIT = 3600.0  # an import of a few lines may take that long on a bad day


@dataclass
class Removed:
    """What was removed, what looks alike and was left, and what AWS itself keeps for a while."""

    tables: list[str] = field(default_factory=list)
    objects: int = 0
    left: list[str] = field(default_factory=list)
    kept_by_aws: list[str] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)  # exports and imports, which nobody can remove


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is there: tables by region, and objects by the asking they are of; `registered` are the askings known."""

    tables: tuple[tuple[str, Any], ...]
    objects: dict[str, list[str]]
    registered: frozenset[str]
    unknown: tuple[str, ...]


def register_asking(clients: OwnClients, regions: tuple[str, str], clock: Callable[[], float]) -> None:
    """Say in the bucket that this asking begins, before anything is made, and where nothing is."""
    taken = list(_objects(clients)) or [
        n for c in (clients.dynamodb, clients.other) for n in _names(c, clients.names.stem)
    ]
    if taken:
        raise ConfigError(f"expected nothing of the name {clients.names.stem}* yet, found {taken[0]}; run it again")
    told = {"asking": clients.names.id, "regions": regions, "begun": datetime.fromtimestamp(clock(), UTC).isoformat()}
    clients.s3.put_object(
        Bucket=clients.names.bucket,
        Key=clients.names.folder + _REGISTER,
        Body=json.dumps(told).encode(),
        IfNoneMatch="*",
    )


def leftovers(clients: OwnClients, *, has_bucket: bool = True) -> Leftovers:
    """Look for what bears these names, in both regions and the bucket."""
    objects = _objects(clients) if has_bucket else {}
    begun = {asking: moment for asking in objects if (moment := _begun(clients, asking, objects[asking])) is not None}
    registered = frozenset(begun)
    tables, unknown = [], [f"objects of {asking}" for asking in objects if asking not in registered]
    for client in (clients.dynamodb, clients.other):
        for name in _names(client, clients.names.stem):
            asking = OWN_TABLE.fullmatch(name)
            if asking is not None and _is_own(client, name, asking[1], begun.get(asking[1])):
                tables.append((name, client))
            else:
                unknown.append(f"table {name} in {client.meta.region_name}")
    kept = {asking: keys for asking, keys in objects.items() if asking in registered}
    return Leftovers(tuple(tables), kept, registered, tuple(unknown))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait for what a server does, and whom to tell."""

    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    pause: float = 5.0

    def until(self, done: Callable[[], bool], what: str) -> None:
        waited = 0.0
        while not done():
            if waited > _LEFT_TO_WAIT:
                raise TableError(f"{what} took longer than {_LEFT_TO_WAIT / 60:.0f} minutes; run --clean again later")
            self.sleep(self.pause)
            waited += self.pause


def remove_all(clients: OwnClients, waiting: Waiting, *, has_bucket: bool = True) -> Removed:
    """Remove what is left: exports, imports and bulk puts are waited for, then tables, then objects, registers last."""
    found = leftovers(clients, has_bucket=has_bucket)
    done = Removed(left=list(found.unknown))
    for client in {id(client): client for _, client in found.tables}.values():
        names = frozenset(name for name, its in found.tables if its is client)
        waiting.until(partial(no_bulk_put_runs, client, names), "a bulk put")
    for name, client in found.tables:
        _come_to_rest(client, name, waiting)
        done.remembered += remembered_by_aws(client, name)
    for name, client in found.tables:
        _delete(client, name, waiting)
        done.tables.append(name)
        waiting.say(f"removed table {name} in {client.meta.region_name}")
    for name, client in found.tables:
        waiting.until(partial(_is_gone, client, name), f"the removal of {name}")
        done.kept_by_aws += _backups(client, name)
    # Listed anew: what ran while we waited has written since.
    again = _objects(clients) if has_bucket else {}
    for asking in sorted(found.registered):
        keys = sorted(again.get(asking, []), key=lambda key: (key.endswith(f"/{_REGISTER}"), key))
        done.objects += _delete_objects(clients, keys)
    return done


def _names(client: Any, stem: str) -> list[str]:
    """All tables of a region whose name begins so."""
    return [name for name in list_tables(client) if name.startswith(stem)]


def _begun(clients: OwnClients, asking: str, keys: list[str]) -> datetime | None:
    """When an asking was registered; None where there is no register of it that this command wrote."""
    key = f"{OWN_PREFIX}-{asking}/{_REGISTER}"
    if key not in keys or re.fullmatch(ID, asking) is None:
        return None
    try:
        told = json.loads(clients.s3.get_object(Bucket=clients.names.bucket, Key=key)["Body"].read())
        return datetime.fromisoformat(told["begun"]) if told["asking"] == asking else None
    except (ValueError, KeyError, TypeError):
        return None  # something else of that name


def _is_own(client: Any, name: str, asking: str, begun: datetime | None) -> bool:
    """Whether a table was made by an asking: its tag says so, or it was made after the asking was registered."""
    try:
        table = client.describe_table(TableName=name)["Table"]
        if begun is not None and table["CreationDateTime"] >= begun - _CLOCKS_APART:
            return True
        tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    except FAILURES as error:
        if code_of(error) != _GONE:
            raise
        return begun is not None  # gone meanwhile
    return any((tag["Key"], tag["Value"]) == (TAG, asking) for tag in tags)


def _objects(clients: OwnClients) -> dict[str, list[str]]:
    """The keys under the names' folders, by asking."""
    found: dict[str, list[str]] = {}
    for key, _ in list_objects(clients.s3, clients.names.bucket, clients.names.folder):
        asking = key.split("/")[0].removeprefix(f"{OWN_PREFIX}-")
        found.setdefault(asking, []).append(key)
    return found


def _come_to_rest(client: Any, name: str, waiting: Waiting) -> None:
    """Wait until no import, export or change of a table runs: none is removed under it, and exports go on writing."""
    told: set[str] = set()

    def rests() -> bool:
        why = unrest_of(client, name)
        if why and why not in told:
            told.add(why)
            waiting.say(f"{name}: {why}; waiting")
        return not why

    waiting.until(rests, f"{name} to come to rest")


def _delete(client: Any, name: str, waiting: Waiting) -> None:
    try:
        described = client.describe_table(TableName=name)["Table"]
        if described["TableStatus"] == "DELETING":
            return
        if described.get("DeletionProtectionEnabled"):
            client.update_table(TableName=name, DeletionProtectionEnabled=False)
            waiting.until(partial(_is_active, client, name), f"{name} to be unprotected")
        client.delete_table(TableName=name)
    except FAILURES as error:
        if code_of(error) != _GONE:
            raise


def _is_active(client: Any, name: str) -> bool:
    return bool(client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")


def _is_gone(client: Any, name: str) -> bool:
    return outcome_of(client.describe_table, TableName=name) == _GONE


def _backups(client: Any, name: str) -> list[str]:
    """Backups that AWS made by itself of a table that had recovery; they cost nothing and expire by themselves."""
    try:
        found = client.list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]
    except FAILURES:
        return []  # an engine may not have them; nothing depends on it
    return [f"{one['BackupName']} in {client.meta.region_name}" for one in found]


def _delete_objects(clients: OwnClients, keys: list[str]) -> int:
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        part = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
        answer = clients.s3.delete_objects(Bucket=clients.names.bucket, Delete={"Objects": part, "Quiet": True})
        if wrong := answer.get("Errors"):
            raise TableError(f"{len(wrong)} objects could not be removed, the first: {wrong[0]}; run --clean again")
    return len(keys)
