"""Clients that may do one thing more than a side's others: register a run, undo or repair what it wrote, anchor
its seal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_lib.aws.dynamodb.conditional_write import forms_of_repairing, forms_of_undoing
from runbook_lib.aws.endpoints import client_of, of_other_services, s3_client
from runbook_lib.aws.guard.allowed_calls import (
    SCALING_FORMS,
    STAGING,
    STAGING_ANCHORS,
    STAGING_LISTS,
    STAGING_REGISTERS,
    TARGET,
    TARGET_APPENDS,
    TARGET_BULK_PUTS,
    TARGET_EXPORTS,
    TARGET_REGISTERS,
    TARGET_REPAIRS,
    TARGET_SCALES,
    TARGET_UNDOES,
    TARGET_UNSCALES,
)
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard, Under
from runbook_lib.aws.guard.offline import refuse_network
from runbook_lib.aws.s3.anchors import PATIENCE, anchoring_form
from runbook_lib.aws.s3.registers import creating_form, tagging_form, untagging_form
from runbook_lib.aws.session.clients import Clients, check_place
from runbook_lib.aws.session.identity import session_of
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.config.model import Migration

BULK_PUT = "dynamodb:StartBulkPutItems"
PUT, LOOK = "s3:PutObject", "s3:GetObjectLockConfiguration"


def registrar(clients: Clients, bucket: str, prefix: str) -> Any:
    """An S3 client of the staging side that may list what is under a register, and create what is not there."""
    grants = dict.fromkeys(STAGING_REGISTERS | STAGING_LISTS, Under({f"{bucket}/{prefix}"}))
    forms = dict.fromkeys(STAGING_REGISTERS, creating_form)
    return clients._staging(Guard("staging", STAGING - STAGING_REGISTERS, clients.calls, grants, forms))


def export_registrar(clients: Clients, bucket: str, prefix: str) -> Any:
    """A registrar's client for what lies beside exports themselves, which with a transform the source's side reads."""
    grants = dict.fromkeys(STAGING_REGISTERS | STAGING_LISTS, Under({f"{bucket}/{prefix}"}))
    forms = dict.fromkeys(STAGING_REGISTERS, creating_form)
    return clients._raw(Guard("staging", STAGING - STAGING_REGISTERS, clients.calls, grants, forms))


def tagger(clients: Clients, tables: frozenset[str]) -> Any:
    """A target client that may also set and take off the register's tag of the named tables."""
    forms = {"dynamodb:TagResource": tagging_form, "dynamodb:UntagResource": untagging_form}
    return clients._granted(TARGET_REGISTERS, tables, forms)


def undoer(clients: Clients, keys: Mapping[str, str]) -> DynamoDBTransport:
    """A wire that may also delete items as they were read, and put one back where nothing is, in the named tables."""
    return _single_writer(clients, frozenset(keys), TARGET_UNDOES, forms_of_undoing(keys))


def repairer(clients: Clients, keys: Mapping[str, str]) -> DynamoDBTransport:
    """A wire of the undoer's that may also put an item in place of one as it was read; `keys` has partition keys."""
    return _single_writer(clients, frozenset(keys), TARGET_REPAIRS, forms_of_repairing(keys))


def syncer(clients: Clients, keys: Mapping[str, str]) -> DynamoDBTransport:
    """A wire that may also put an item where nothing is, or in place of one as it was read, in the named tables."""
    return _single_writer(clients, frozenset(keys), TARGET_APPENDS, forms_of_repairing(keys))


def _single_writer(
    clients: Clients, tables: frozenset[str], operations: frozenset[str], forms: Mapping[str, Any]
) -> DynamoDBTransport:
    for name in sorted(tables):
        check_place(clients.target, clients.target_identity, name)
    guard = Guard("target", TARGET, clients.calls, dict.fromkeys(operations, tables), forms)
    return DynamoDBTransport(clients.target, clients.chain("target"), guard, write_tables=tables)


def scaler(clients: Clients, tables: frozenset[str]) -> Any:
    """A client of the target's Application Auto Scaling that may also have the named tables scaled."""
    return _scaling_client(clients, TARGET_SCALES, tables)


def unscaler(clients: Clients, tables: frozenset[str]) -> Any:
    """A client of the target's Application Auto Scaling that may also end it for the named tables."""
    return _scaling_client(clients, TARGET_UNSCALES, tables)


def _scaling_client(clients: Clients, operations: frozenset[str], tables: frozenset[str]) -> Any:
    guard = Guard("target", TARGET, clients.calls, dict.fromkeys(operations, tables), SCALING_FORMS)
    session, name = clients._as_side("target", guard), "application-autoscaling"
    return client_of(session, name, of_other_services(session, name, clients._config.target.endpoint_url))


def target_exporter(clients: Clients, tables: frozenset[str]) -> Any:
    """A target client that may also have the named tables exported as they were at one moment, whole."""
    whole = {
        "TableArn", "ClientToken", "ExportTime", "S3Bucket", "S3Prefix", "S3BucketOwner", "S3SseAlgorithm",
        "S3SseKmsKeyId", "ExportFormat",
    }  # fmt: skip
    forms = {"dynamodb:ExportTableToPointInTime": lambda p: "ExportTime" in p and p.keys() <= whole}
    return clients._granted(TARGET_EXPORTS, tables, forms)


def bulk_putter(clients: Clients, request: Mapping[str, Any]) -> Any:
    """A target client that may also have this very bulk put begun, and look at it and for it."""
    table = str(request["TableName"])
    check_place(clients.target, clients.target_identity, table)
    allowed = TARGET | (TARGET_BULK_PUTS - {BULK_PUT})
    forms = {BULK_PUT: lambda p: p == request}
    guard = Guard("target", allowed, clients.calls, {BULK_PUT: frozenset({table})}, forms)
    return client_of(clients._as_side("target", guard), "dynamodb", clients._config.target.endpoint_url)


def anchor_client(config: Migration, prefix: str, *, write: bool) -> Any:
    """An S3 client of the staging side for the anchors under one prefix, and nothing else; puts only with `write`.

    Raises ConfigError where there are no credentials.
    """
    refuse_network()
    staging = config.target_staging
    own_prefix: frozenset[str] = Under({f"{staging.bucket}/{prefix}"})
    grants = {name: own_prefix for name in STAGING_ANCHORS if write or name != PUT}
    grants[LOOK] = frozenset({f"{staging.bucket}/"})
    guard = Guard("staging", frozenset(), Calls(), grants, {PUT: anchoring_form})
    own = staging if staging.profile or staging.role_arn else config.target
    return s3_client(session_of(own, guard, staging.region), staging.endpoint_url, PATIENCE)
