"""The pieces that IAM policies are made of: statements, actions and resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS, ROLE_READS, STREAM_READS, SURROUNDING_READS
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.signing_client import region_of
from runbook_lib.config.model import Migration
from runbook_lib.config.moving.places import Staging

Json = dict[str, Any]


def policy_document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": [s for s in statements if s["Resource"]]}


def allow(sid: str, actions: list[str], resources: Iterable[str], condition: Json | None = None) -> Json:
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(set(resources))}
    return statement | ({"Condition": condition} if condition else {})


def dynamodb(*operations: str) -> list[str]:
    return [f"dynamodb:{operation}" for operation in operations]


def table_arn(who: Identity, name: str) -> str:
    return f"arn:{who.partition}:dynamodb:{who.region}:{who.account}:table/{name}"


def s3(who: Identity, path: str) -> str:
    return f"arn:{who.partition}:s3:::{path}"


def objects(place: Staging, who: Identity) -> str:
    """All objects under a prefix; exports stay in the partition of the source."""
    return s3(who, "/".join(filter(None, [place.bucket, place.prefix, "*"])))


def register_objects(config: Migration, who: Identity) -> str:
    """The entries of the register of those who have written to a target."""
    return objects_in(config, who, "register")


def objects_in(config: Migration, who: Identity, folder: str) -> str:
    """All objects in a folder under the prefix that the target's side reaches."""
    place = config.target_staging
    return s3(who, "/".join(filter(None, [place.bucket, place.prefix, folder, "*"])))


def staging_key(staging: Staging, writers: list[Identity]) -> tuple[list[str], Json | None]:
    """The key of a place's kms_key_id as resources and, for an alias, the condition that names it."""
    key = staging.kms_key_id
    return ([], None) if key is None or not writers else _key_resources(key, staging.region, writers)


def mask_key_statements(config: Migration, source: Identity) -> list[Json]:
    """What makes the key of the pseudonyms, where it comes from KMS."""
    transform = config.transform
    key = transform.mask.key.kms if transform is not None and transform.mask is not None else None
    if key is None:
        return []
    return [allow("DeriveMaskKey", ["kms:GenerateMac"], *_key_resources(key, config.source.region, [source]))]


def _key_resources(key: str, region: str, users: list[Identity]) -> tuple[list[str], Json | None]:
    """A key by id, alias or ARN as resources.

    Source: "Using IAM policies with AWS KMS" and "kms:ResourceAliases", KMS Developer Guide: an alias is no
    resource of the operations that use its key.
    """
    place, _, name = key.rpartition(":")
    places = [place] if place else [f"arn:{w.partition}:kms:{region}:{w.account}" for w in users]
    if name.startswith("alias/"):
        return [f"{p}:key/*" for p in places], {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}}
    return [f"{p}:key/{name.removeprefix('key/')}" for p in places], None


def anchors(config: Migration, who: Identity) -> list[Json]:
    """What puts the anchors of seals and reads them back; without it a seal has no anchor."""
    if config.report.anchor is None:
        return []
    actions = ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion", "s3:PutObject"]
    actions += ["s3:PutObjectRetention"] if config.report.anchor_days else []
    of_bucket = ["s3:GetBucketObjectLockConfiguration", "s3:ListBucketVersions"]
    return [
        allow("AnchorSeals", actions, [objects_in(config, who, "anchors")]),
        allow("AnchorsOfBucket", of_bucket, [s3(who, config.target_staging.bucket)]),
    ]


def signing(config: Migration, who: Identity) -> list[Json]:
    """What signs seals; without it a seal is not signed."""
    if config.sign is None:
        return []
    place, _, name = config.sign.kms.rpartition(":")
    place = place or f"arn:{who.partition}:kms:{region_of(config)}:{who.account}"
    actions = ["kms:GetPublicKey", "kms:Sign"]
    if name.startswith("alias/"):
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name}}
        return [allow("SignSeals", actions, [f"{place}:key/*"], condition)]
    return [allow("SignSeals", actions, [f"{place}:key/{name.removeprefix('key/')}"])]


def probing(config: Migration, who: Identity) -> list[Json]:
    """What invokes the functions that probes of the cut-over name; without it they are refused, and the gate shut."""
    asked = [hook.lambda_.function for hook in (*config.hooks.freeze, *config.hooks.smoke) if hook.lambda_]
    place = f"arn:{who.partition}:lambda:{who.region}:{who.account}:function:"
    return [allow("ProbeFunctions", ["lambda:InvokeFunction"], [f if ":function:" in f else place + f for f in asked])]


def reading_references(config: Migration, who: Identity) -> list[Json]:
    """What asks who names the old tables; without it that is not checked. API Gateway's action is the HTTP verb."""
    if not config.references.in_preflight:
        return []
    asked = sorted(REFERENCE_READS | (ROLE_READS if config.references.roles else frozenset()))
    actions = [call for call in asked if not call.startswith(("apigateway", "dynamodb"))]
    interfaces = [f"arn:{who.partition}:apigateway:{who.region}::{path}/*" for path in ("/restapis", "/apis")]
    interfaces += [place.removesuffix("/*") for place in interfaces]
    return [
        allow("ReadReferences", actions, ["*"]),
        allow("ReadReferencesOfApis", ["apigateway:GET"], interfaces),
    ]


def reading_streams(config: Migration, tables: Iterable[str]) -> list[Json]:
    """What reads the streams of tables that are followed by them; nothing turns one on."""
    arns = [f"{arn}/stream/*" for arn in tables] if config.catch_up.by == "streams" else []
    return [allow("ReadStreams", dynamodb(*(call.partition(":")[2] for call in sorted(STREAM_READS))), arns)]


def reading_surroundings(who: Identity) -> list[Json]:
    """What `runbook surroundings` reads: settings, and never a message, an event or a log line."""
    actions = [call for call in sorted(SURROUNDING_READS) if not call.startswith("dynamodb")]
    tables = [f"arn:{who.partition}:dynamodb:{who.region}:{who.account}:table/*"]
    return [
        allow("ReadSurroundings", actions, ["*"]),
        allow("DescribeStreams", dynamodb("DescribeTable"), tables),
    ]
