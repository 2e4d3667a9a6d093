"""What may be done in the buckets, and by whom: with a transform the target's role cannot read the exports."""

from __future__ import annotations

from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.iac.policy_statements import Json, allow, anchors, objects, register_objects, s3, staging_key
from runbook_lib.run.witnesses.export_register import users_folder

LOOKS = ["s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration"]
ENTERING = ["s3:GetObject", "s3:PutObject"]
WRITING = frozenset({"WriteScans", "WriteDerived"})


def bucket_statements(
    config: Migration, grants: list[TablePermissions], source: Identity, target: Identity
) -> list[Json]:
    """For the side of the target: what the import and the validation read, and the register of writers."""
    shared = [
        # Who has written to a target: entries that are created where there are none.
        allow("EnterTheRegister", ["s3:GetObject", "s3:PutObject"], [register_objects(config, source)]),
        *anchors(config, source),
    ]
    if config.transform:
        place = config.target_staging
        own = objects(place, source)
        key, condition = staging_key(place, [target])
        return [
            allow("FindDerived", ["s3:ListBucket"], [s3(source, place.bucket)]),
            allow("LookAtDerived", LOOKS, [s3(source, place.bucket)]),
            allow("ReadDerived", ["s3:GetObject"], [own]),
            allow("WriteDerived", ["s3:PutObject"], [own]),
            *shared,
            allow("DecryptDerived", ["kms:Decrypt", "kms:GenerateDataKey"], key, condition),
        ]
    *reads, decrypt = _exports(config, grants, source, scanner=target)
    return [*reads, *shared, decrypt]


def uses(grants: list[TablePermissions], who: Identity, *, of_runs: bool) -> list[str]:
    """The entries of those who use another run's exports, or such as a person has named, of whomever they are."""
    used = [reuse for g in grants if g.reuse and bool(g.reuse.run) is of_runs for reuse in g.reuse.chain]
    return sorted({s3(who, f"{r.bucket}/{users_folder(r.folder)}*") for r in used})


def closings(config: Migration, who: Identity) -> list[str]:
    """The marks of a cleanup beside the exports that it takes away, and beside what was made of them."""
    places = (config.staging, config.target_staging)
    return sorted({s3(who, "/".join(filter(None, [p.bucket, p.prefix, "register/exports/*"]))) for p in places})


def raw_statements(config: Migration, grants: list[TablePermissions], source: Identity) -> list[Json]:
    """With a transform, for the side of the source: the exports themselves. Without one the target reads them."""
    return _exports(config, grants, source, scanner=source) if config.transform else []


def _exports(config: Migration, grants: list[TablePermissions], source: Identity, scanner: Identity) -> list[Json]:
    """The exports' own bucket: read, and written only for tables that are scanned or followed by their streams."""
    followed = config.catch_up.by == "streams" and any(g.followed for g in grants)
    exported, scanned = any(g.exported for g in grants), followed or any(g.method == "scan" for g in grants)
    reused = [g.reuse for g in grants if g.reuse]
    own = [objects(config.staging, source)] if exported or scanned else []
    # Without an ARN the key is one of the account that wrote: the source's for exports, whoever scans for scans.
    writers = [*([source] if exported else []), *([scanner] if scanned else [])]
    key, condition = staging_key(config.staging, writers)
    buckets = {config.staging.bucket, *(r.bucket for r in reused)}
    return [
        allow("FindBucket", ["s3:ListBucket"], [s3(source, bucket) for bucket in buckets]),
        allow("LookAtBucket", LOOKS, [s3(source, config.staging.bucket)]),
        allow("ReadExports", ["s3:GetObject"], [*own, *(s3(source, f"{p}*") for r in reused for p in r.places)]),
        # A run that uses earlier exports says so beside them, and looks whether a cleanup takes them away.
        allow("EnterUses", ENTERING, uses(grants, source, of_runs=True)),
        allow("EnterHandedOver", ENTERING, uses(grants, source, of_runs=False)),
        allow("WriteScans", ["s3:PutObject"], own if scanned else []),
        # A bucket that encrypts with the key by itself needs it for the register's entries, too.
        allow("DecryptExports", ["kms:Decrypt", "kms:GenerateDataKey"], key, condition),
    ]
