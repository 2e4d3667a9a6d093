"""Least-privilege IAM policies for a migration: what each role has to be allowed, and nothing besides.

The operations are those of aws/guard.py that the runbook makes, on the planned tables alone. Looks at both
sides to learn methods and keys; it can be run with any credentials that may do that.
Resource types: "Actions, resources, and condition keys for Amazon DynamoDB", Service Authorization
Reference. What an export needs in S3: "Requesting a table export in DynamoDB", Developer Guide.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.dynamodb.describe.definition import encryption_key
from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.guard.allowed_calls import (
    TARGET_CREATES,
    TARGET_DELETES,
    TARGET_EXPORTS,
    TARGET_UNDOES,
)
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration, load_config
from runbook_lib.iac.attached_statements import (
    ATTACHED_READS,
    ending_scaling,
    reading_scaling,
    scaling_statements,
)
from runbook_lib.iac.bucket_policy import WRITING, bucket_statements, closings, raw_statements, uses
from runbook_lib.iac.loader_statements import is_by_service, loader_statements, tables_to_make
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.iac.policy_size import size_note
from runbook_lib.iac.policy_statements import (
    Json,
    allow,
    dynamodb,
    mask_key_statements,
    objects,
    policy_document,
    probing,
    reading_references,
    reading_streams,
    reading_surroundings,
    register_objects,
    signing,
    staging_key,
    table_arn,
)
from runbook_lib.plan.naming import select_tables, wants_recovery
from runbook_lib.run.sealed.other_run import earlier_exports

LOOKS_AT_ONCE = 8


def policies_of(config_path: str | Path) -> str:
    """The policies of a migration file as indented JSON: one for each role and command, and `notes` for their reader.

    `staging` is a third policy where the bucket is reached with a profile or role of its own, and `derived` a fourth
    where transform.staging is.
    """
    config = load_config(config_path)
    clients = connect(config)
    grants = _grants(config, clients)
    return json.dumps(policies(config, grants, clients.source_identity, clients.target_identity), indent=2) + "\n"


def policies(config: Migration, grants: list[TablePermissions], source: Identity, target: Identity) -> Json:
    """The policies that grants come to; pure."""
    reads, raw = bucket_statements(config, grants, source, target), raw_statements(config, grants, source)
    own, raw_own = config.target_staging.has_identity, config.staging.has_identity
    # DynamoDB reads what it imports with the rights of whoever started it.
    loaders = [s for s in reads if s["Sid"] not in WRITING] if is_by_service(config) else []
    found = {
        "source": policy_document(_source(config, grants, source) + ([] if raw_own else raw)),
        "target": policy_document(_target(config, grants, target) + (loaders if own else reads)),
    }
    if own and not config.transform:
        found["staging"] = policy_document(reads)
    elif own:
        found["derived"] = policy_document(reads)
    if raw and raw_own:
        found["staging"] = policy_document(raw)
    signs = signing(config, target)
    if config.sign is not None and (config.sign.profile or config.sign.role_arn):
        found["signer"] = policy_document(signs)
    else:
        found["target"]["Statement"] += signs
    found["cleanup"] = policy_document(_cleanup(config, grants, source, target))
    if "surroundings" in config.model_fields_set:
        found["surroundings"] = policy_document(reading_surroundings(source))
    return {**found, "notes": _notes(config, grants, source, target, found)}


def _grants(config: Migration, clients: Clients) -> list[TablePermissions]:
    """The selected tables and how each is read, as the pre-flight would plan them."""
    reuses = earlier_exports(config, clients)
    existing = set(list_tables(clients.source))

    def look(pair: tuple[str, str]) -> TablePermissions:
        name, target = pair
        reuse = reuses.get(name)
        asks = reuse is None and config.export.asked_for(name) != "scan"
        recovered = asks and recovery_of(clients.source, name).on
        recovery = asks and not recovered and wants_recovery(config.export.enable_pitr, name)
        method = "reuse" if reuse else config.export.method_of(name, recovered=recovered)
        return TablePermissions(
            source=name,
            source_arn=table_arn(clients.source_identity, name) if name in existing else None,
            target_arn=table_arn(clients.target_identity, target),
            method=method,
            reuse=reuse,
            source_key=encryption_key(clients.source, name),
            target_key=encryption_key(clients.target, target),
            recovery=recovery,
        )

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return list(
            pool.map(look, select_tables(config, existing | set(reuses), at=clients.source_identity.spelled).items())
        )


def _source(config: Migration, grants: list[TablePermissions], who: Identity) -> list[Json]:
    migrated, skipped = ([g.source_arn for g in grants if g.migrated is m and g.source_arn] for m in (True, False))
    # Spelled for each table, this would take a fifth of a role; whether insights are on is no secret of a table.
    any_index = [table_arn(who, "*/index/*")]
    exported = [g.source_arn for g in grants if g.exported and g.source_arn]
    # A table whose recovery is turned on with --execute is read by a dry run as export.without_pitr says.
    drift = config.validate_.drift
    scanned = [g.source_arn for g in grants if (g.method == "scan" or (drift and g.migrated)) and g.source_arn]
    looked_up = [g.source_arn for g in grants if g.method == "scan" and g.source_arn]
    followed = [f"{arn}/export/*" for arn in exported]
    # A folder's export is asked for too, by the ARN in its manifest; DynamoDB knows nothing of a scan's.
    reused = [r.arn for g in grants if g.reuse for r in g.reuse.chain]
    followed += [arn for arn in reused if "/export/" in arn]
    keys = [g.source_key for g in grants if (g.exported or g.source_arn in scanned) and g.source_key]
    bucket = [objects(config.staging, who)] if exported else []
    bucket_key, condition = staging_key(config.staging, [who] if exported else [])
    describe = ["DescribeTable", "DescribeContinuousBackups", "DescribeTimeToLive", "ListTagsOfResource"]
    return [
        allow(
            "FindTables",
            ["dynamodb:ListTables", *(["dynamodb:ListExports"] if exported else []), "sts:GetCallerIdentity"],
            ["*"],
        ),
        _yourself(config.source.role_arn, who),
        allow(
            "TurnRecoveryOn",
            dynamodb("UpdateContinuousBackups"),
            [g.source_arn for g in grants if g.recovery and g.source_arn],
        ),
        allow("DescribeTables", dynamodb(*describe, *ATTACHED_READS), migrated),
        allow("DescribeIndexes", dynamodb("DescribeContributorInsights"), any_index if migrated else []),
        allow("LookAtSkippedTables", dynamodb(*describe), skipped),
        *reading_references(config, who),
        reading_scaling(),
        allow("ExportTables", dynamodb("ExportTableToPointInTime"), exported),
        allow("FollowExports", dynamodb("DescribeExport"), followed),
        allow("ScanTables", dynamodb("Scan"), scanned),
        *reading_streams(config, [g.source_arn for g in grants if g.followed and g.source_arn]),
        allow("LookUpScanned", dynamodb("BatchGetItem"), looked_up),
        allow("ReadEncryptedTables", ["kms:Decrypt", "kms:DescribeKey"], keys),
        # DynamoDB writes an export to S3 with the rights of whoever started it.
        allow("WriteExports", ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"], bucket),
        allow("EncryptExports", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], bucket_key, condition),
        *mask_key_statements(config, who),
    ]


def _yourself(role_arn: str | None, who: Identity) -> Json:
    """The pre-flight asks IAM what the policies of its own identity allow."""
    own = role_arn or who.principal
    return allow("SimulateYourself", ["iam:SimulatePrincipalPolicy"], [own] if own else [])


def _target(config: Migration, grants: list[TablePermissions], who: Identity) -> list[Json]:
    """The target's tables; a skipped one is looked at by the pre-flight, and by nothing else."""
    migrated = [g.target_arn for g in grants if g.migrated]
    reads = [
        "DescribeContinuousBackups",
        "DescribeTimeToLive",
        "ListTagsOfResource",
        *ATTACHED_READS,
        "Scan",
        "BatchGetItem",
    ]
    indexes = [f"{arn}/index/*" for arn in migrated]
    queries = ["Query"] if config.validate_.index_samples else []
    looks = ["DescribeTable", "DescribeContinuousBackups", "DescribeKinesisStreamingDestination", "DescribeTimeToLive"]
    # A put where nothing is has a condition, which a batch cannot have.
    puts = ["PutItem"] if config.import_.on_non_empty in ("append", "sync") else ["BatchWriteItem"]
    # Who writes to a table names the register of writers in its tag; ImportTable makes the table itself.
    by_service = config.import_.strategy in ("import_table", "bulk_put")
    writes = ["TagResource", *([] if by_service else puts)]
    looks += ["Scan"] if config.import_.on_non_empty != "append" else []
    creates = migrated if config.tables.create_missing and config.import_.strategy != "import_table" else []
    keys = [g.target_key for g in grants if g.migrated and g.target_key]
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    warmed = [g.target_arn for g in grants if g.target_arn.rpartition("/")[2] in config.import_.warm_throughput]
    return [
        allow(
            "KnowYourself",
            ["dynamodb:DescribeLimits", "lambda:ListEventSourceMappings", "sts:GetCallerIdentity"],
            ["*"],
        ),
        _yourself(config.target.role_arn, who),
        *reading_references(config, who),
        *probing(config, who),
        allow("WarmTables", dynamodb("UpdateTable"), warmed),
        allow("ReadTables", dynamodb("DescribeTable", *reads), migrated),
        reading_scaling(),
        allow("AskIndexes", dynamodb("DescribeContributorInsights", *queries), indexes),
        allow("WriteTables", dynamodb(*writes), migrated),
        allow("CreateTables", list(TARGET_CREATES), creates),
        *scaling_statements(who, creates=bool(creates or tables_to_make(config, migrated))),
        *loader_statements(config, migrated, who),
        allow("TryTables", dynamodb("PutItem", "DeleteItem"), migrated if config.validate_.canary else []),
        allow("LookAtSkippedTables", dynamodb(*looks), [g.target_arn for g in grants if not g.migrated]),
        allow("UseEncryptedTables", use, keys),
    ]


def _cleanup(config: Migration, grants: list[TablePermissions], source: Identity, target: Identity) -> list[Json]:
    """What `runbook cleanup` needs beside the other policies, and nothing else does."""
    created = [g.target_arn for g in grants if g.migrated] if config.tables.create_missing else []
    created = created or tables_to_make(config, [g.target_arn for g in grants if g.migrated])
    owns = config.transform is not None or any(g.exported or g.method == "scan" for g in grants)
    migrated, register = [g.target_arn for g in grants if g.migrated], register_objects(config, source)
    replaced = migrated if config.import_.on_non_empty in ("overwrite", "sync") else []
    return [
        # For runbook rollback: the target as it was before, exported with the rights of whoever asks for it.
        allow("ExportTargets", list(TARGET_EXPORTS), [*replaced, *(f"{arn}/export/*" for arn in replaced)]),
        allow(
            "WriteTargetExports",
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            [objects(config.target_staging, source)] if replaced else [],
        ),
        allow("DeleteCreatedTables", list(TARGET_DELETES), created),
        ending_scaling(target, created=bool(created)),
        allow("DeleteWrittenItems", [*TARGET_UNDOES, *dynamodb("UntagResource")], migrated),
        allow("DeleteEntries", ["s3:DeleteObject"], [register] if migrated else []),
        allow("DeleteUses", ["s3:DeleteObject"], [a for m in (True, False) for a in uses(grants, source, of_runs=m)]),
        # A mark beside each export keeps other runs from beginning to use it while it goes.
        allow("CloseExports", ["s3:GetObject", "s3:PutObject"], closings(config, source) if owns else []),
        allow("DeleteExports", ["s3:DeleteObject"], _removed(config, source) if owns else []),
    ]


def _removed(config: Migration, source: Identity) -> list[str]:
    """The objects of exports, and of what was made of them."""
    return sorted({objects(config.staging, source), objects(config.target_staging, source)})


def _notes(
    config: Migration, grants: list[TablePermissions], source: Identity, target: Identity, made: Json
) -> list[str]:
    """What the policies cannot say themselves; IAM takes no comments."""
    staging = config.staging
    notes = [
        "FindBucket: HeadBucket needs s3:ListBucket, and with it S3 says of a missing object that it is "
        "missing. The runbook lists nothing but the folder that ImportTable is to read.",
        "ListTagsOfResource, on the target also DescribeContinuousBackups, and AskIndexes: without them the "
        "report says of tags, backups and indexes that they were not checked.",
        "ReadAutoScaling, GetResourcePolicy, DescribeKinesisStreamingDestination and DescribeContributorInsights: "
        "without them the report says of what they ask for that it was not checked.",
        "runbook repair needs, of cleanup, DeleteWrittenItems alone: puts and deletes of single items. runbook "
        "rollback needs DeleteEntries besides and, where import.on_non_empty is overwrite or sync, ExportTargets and "
        "WriteTargetExports.",
        "cleanup: attach it to the target's role (and the bucket's; with a transform, the source's) for that only.",
    ]
    if "surroundings" in config.model_fields_set:
        notes.append("surroundings: attach it to the source's role for runbook surroundings; it reads no message.")
    if config.transform:
        notes.append(
            "transform: the exports hold raw items, so they are in the source's policy (or in staging's, where it has "
            "a profile or role of its own); the target's role reads what was made of them and nothing else."
        )
    elif staging.has_identity:
        notes.append("staging has a profile or role of its own, so the bucket is in its policy, not the target's.")
    if source.account != target.account or staging.bucket_owner:
        notes.append(
            "More than one account: the bucket's own policy has to allow these actions to the roles of the "
            "others, and so has the policy of a KMS key."
        )
    if staging.kms_key_id and ":key/" not in staging.kms_key_id:
        notes.append("staging.kms_key_id is no key ARN: the key is taken to be in the account that writes.")
    if any(g.reuse for g in grants):
        notes.append("An earlier export that another KMS key than staging.kms_key_id encrypts: add kms:Decrypt.")
    for method, words in (
        ("skip", "not read and not written"),
        ("fail", "in the way until their point-in-time recovery is on, and granted as if it were"),
    ):
        if names := [g.source for g in grants if g.method == method]:
            notes.append(f"export.without_pitr or export.method: {', '.join(names)} are {words}.")
    return notes + [note for side, policy in made.items() if (note := size_note(side, policy))]
