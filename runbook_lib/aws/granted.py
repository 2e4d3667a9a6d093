"""Clients that may do one thing more than a side's others: register a run, and undo what it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_lib.aws.clients import CONFIG, Clients, check_place, s3_config, session_of
from runbook_lib.aws.conditional import forms_of_undoing
from runbook_lib.aws.guard import STAGING, STAGING_REGISTERS, TARGET, TARGET_REGISTERS, TARGET_UNDOES, Guard
from runbook_lib.aws.registers import creating_form, tagging_form, untagging_form
from runbook_lib.aws.wire import Wire


def registrar(clients: Clients, bucket: str, key: str) -> Any:
    """An S3 client of the staging side that may create this one object, where there is none."""
    config = clients._config
    grants = dict.fromkeys(STAGING_REGISTERS, frozenset({f"{bucket}/{key}"}))
    guard = Guard(
        "staging", STAGING - STAGING_REGISTERS, clients.calls, grants, dict.fromkeys(STAGING_REGISTERS, creating_form)
    )
    own = config.staging.profile or config.staging.role_arn
    session = session_of(config.staging if own else config.target, guard, config.staging.region)
    return session.client("s3", endpoint_url=config.staging.endpoint_url, config=s3_config(config))


def tagger(clients: Clients, tables: frozenset[str]) -> Any:
    """A target client that may also set and take off the register's tag of the named tables."""
    forms = {"dynamodb:TagResource": tagging_form, "dynamodb:UntagResource": untagging_form}
    guard = Guard("target", TARGET, clients.calls, dict.fromkeys(TARGET_REGISTERS, tables), forms)
    session = session_of(clients._config.target, guard)
    return session.client("dynamodb", endpoint_url=clients._config.target.endpoint_url, config=CONFIG)


def undoer(clients: Clients, keys: Mapping[str, str]) -> Wire:
    """A wire that may also delete items as they were read, and put one back where nothing is, in the named tables."""
    tables = frozenset(keys)
    for name in sorted(tables):
        check_place(clients.target, clients.target_identity, name)
    guard = Guard("target", TARGET, clients.calls, dict.fromkeys(TARGET_UNDOES, tables), forms_of_undoing(keys))
    return Wire(clients.target, clients._sessions["target"].get_credentials(), guard, write_tables=tables)
