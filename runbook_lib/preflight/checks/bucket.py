"""The staging bucket: that it is there and ours, that its key fits, and that it keeps the exports long enough."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.aws.s3.bucket import default_key, rules_for
from runbook_lib.aws.s3.objects import check_bucket, is_owned_by
from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import BLOCKER, WARNING, Check, ok, run_check
from runbook_lib.plan.writing import Writing
from runbook_lib.preflight.checks.context import CheckContext
from runbook_lib.run.facts.estimate import Estimate


def of_bucket(context: CheckContext, planned: Estimate) -> Iterator[Check]:
    """All looks at the bucket."""
    staging = context.config.staging
    subject = f"s3://{staging.bucket}"
    there = run_check(
        Check(CheckId.BUCKET, subject, BLOCKER, f"a bucket in {staging.region} that the exports are written to", "",
              "create it, or correct 'staging' in the configuration", configuration=True, essential=True),
        lambda c: _there(context, c),
    )  # fmt: skip
    yield there
    yield _key_region(context, subject)
    if there.blocks:
        return
    yield _owner(context, subject)
    yield run_check(
        Check(CheckId.BUCKET_ENCRYPTION, subject, WARNING,
              "the bucket's key to be the one the exports are written with", "",
              "set staging.kms_key_id if the bucket's policy insists on its key"),
        lambda c: _default_key(context, c),
    )  # fmt: skip
    yield run_check(
        Check(CheckId.BUCKET_LIFECYCLE, subject, BLOCKER, f"exports that are kept for {_days(planned)} days", "",
              "give the rule more days, or another prefix to the staging"),
        lambda c: _lifecycle(context, c, _days(planned)),
    )  # fmt: skip


def _there(context: CheckContext, check: Check) -> Check:
    staging = context.config.staging
    found = check_bucket(context.clients.raw, staging.bucket, staging.region, staging.bucket_owner)
    return ok(check, f"there, in {staging.region}") if found is None else replace(check, found=found)


def _owner(context: CheckContext, subject: str) -> Check:
    """AWS takes a bucket for its caller's own unless it is told whose it is, and refuses another's."""
    staging, clients = context.config.staging, context.clients
    check = Check(
        CheckId.BUCKET_OWNER, subject, BLOCKER,
        "a bucket of the account that asks AWS to use it, or staging.bucket_owner", "",
        "set staging.bucket_owner to the account that owns the bucket", configuration=True,
    )  # fmt: skip
    if staging.bucket_owner is not None:
        return ok(check, f"account {staging.bucket_owner}, as staging.bucket_owner says")
    asking = {
        who.account
        for who, asks in (
            (clients.source_identity, any(pair.method == "export" for pair in context.pairs)),
            (clients.target_identity, any(pair.writing != Writing.BATCH_WRITE for pair in context.pairs)),
        )
        if asks and who.arn is not None
    }

    def found(c: Check) -> Check:
        others = [a for a in sorted(asking) if not is_owned_by(clients.raw, staging.bucket, a)]
        if others:
            return replace(c, found=f"a bucket that is not of account {' or '.join(others)}, and no bucket_owner")
        return ok(c, f"of account {', '.join(sorted(asking))}" if asking else "AWS is not asked to use it")

    return run_check(check, found)


def _key_region(context: CheckContext, subject: str) -> Check:
    """A KMS key works in its own region only."""
    key, region = context.config.staging.kms_key_id, context.config.staging.region
    check = Check(
        CheckId.ENCRYPTION_KEY, subject, BLOCKER, f"a key in {region}, the bucket's region", f"{key}",
        "name a key of the bucket's region in staging.kms_key_id", configuration=True,
    )  # fmt: skip
    if key is None:
        return ok(check, "no KMS key: AES256")
    if not key.startswith("arn:"):
        return ok(check, f"{key}, looked up in {region}")
    return ok(check, key) if key.split(":")[3] == region else check


def _default_key(context: CheckContext, check: Check) -> Check:
    staging = context.config.staging
    key = default_key(context.clients.raw, staging.bucket, staging.bucket_owner)
    if key is None or staging.kms_key_id is not None:
        return ok(check, f"{key or 'no KMS key'} by default; exports with {staging.kms_key_id or 'AES256'}")
    return replace(check, found=f"{key} by default, and exports would be written with AES256")


def _days(planned: Estimate) -> int:
    """How long a run needs its exports: the estimate at its longest, and a day; S3 counts in days."""
    return 1 + math.ceil((planned.hours.high if planned.hours else 24.0) / 24)


def _lifecycle(context: CheckContext, check: Check, days: int) -> Check:
    staging = context.config.staging
    rules = rules_for(context.clients.raw, staging.bucket, staging.prefix, staging.bucket_owner)
    short = [
        f"rule {rule.name} {what} objects after {after} day{'' if after == 1 else 's'}"
        for rule in rules
        for what, after in (("removes", rule.expires_days), ("archives", rule.archives_days))
        if after is not None and after < days
    ]
    if short:
        return replace(check, found="; ".join(short))
    kept = [str(rule.expires_days) for rule in rules if rule.expires_days is not None]
    return ok(check, f"kept for {min(kept, key=int)} days" if kept else "kept, and paid for, until you delete them")
