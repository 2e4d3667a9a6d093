"""Make of a second full export another one, by the same rules, hook and key: what the target is compared with."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.errors import GateFailed, ResumeRefused, TransferError
from runbook_lib.export_format.manifest import Manifest
from runbook_lib.export_format.writer import FileEntry, new_export_id
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.masking.transform import TRANSFORMS
from runbook_lib.run.facts.masking.windows import (
    SECOND_FILES,
    SECOND_TRANSFORMS,
    RawExport,
    SecondTransform,
    second_files,
)
from runbook_lib.run.facts.windows import SecondExport
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.derived import DerivedPlace, derived_manifest, derived_writer
from runbook_lib.transform.rewrite import FileRewrite, UnnamedValues
from runbook_lib.transform.settings import Ready, make_ready
from runbook_lib.transform.unnamed import unnamed_error


def derive_second(run: Run, pair: Pair, made: SecondExport, manifest: Manifest) -> tuple[SecondExport, Manifest]:
    """The second export, and its manifest, that a transform makes of one; the very same without a transform."""
    if run.config.transform is None:
        return made, manifest
    ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
    if ready is None or pair.source_facts is None:
        raise GateFailed(f"{pair.source} has no source facts; run 00_preflight again")
    name = f"{pair.source} {made.arn}"
    begun = _begun(run, pair, name, made, manifest, ready)
    place = DerivedPlace(
        manifest.table_arn, manifest.table_id, begun.export_id, begun.started, manifest.export_time or begun.started
    )
    writer = derived_writer(run.config, run.clients.staging, place)
    writer.start()
    recipe, unnamed = ready.recipe_of(pair.source_facts), UnnamedCount()
    work = FileRewrite(recipe, pair.source, pair.target, run.clients.raw, begun.raw.bucket, writer, run.secret)
    known = {file.raw_key for file in second_files(run.ledger, name)}
    for file in (file for file in manifest.files if file.key not in known):
        try:
            SECOND_FILES.record(run.ledger, f"{name} {file.key}", work.rewrite(file))
        except UnnamedValues as error:
            unnamed.add(error.values)
    if unnamed:
        raise unnamed_error(unnamed)
    files = second_files(run.ledger, name)
    writer.finish(
        datetime.now(UTC), files=[FileEntry(f.counts.derived, f.md5, f.etag, f.key, f.item_bytes) for f in files]
    )
    quarantined = sum(file.counts.quarantined for file in files)
    derived = derived_manifest(run, begun.export_id)
    if sum(file.counts.exported for file in files) != manifest.items or derived.items != sum(
        file.counts.derived for file in files
    ):
        raise TransferError(
            f"the second export of {pair.source} has {manifest.items:,} items, and what was made of it "
            f"{derived.items:,}; they should add up"
        )
    bucket = run.config.target_staging.bucket
    return replace(
        made, raw=begun.raw, arn=derived.export_arn, bucket=bucket, folder=derived.folder, quarantined=quarantined
    ), derived


def _begun(run: Run, pair: Pair, name: str, made: SecondExport, manifest: Manifest, ready: Ready) -> SecondTransform:
    """The fact of a transform that is bound to the export as it was made; recorded before the first file."""
    md5 = manifest.summary_md5 + manifest.files_md5
    binding, whole = ready.binding(md5, run.secret), TRANSFORMS.needed(run.ledger, pair.source)
    known = SECOND_TRANSFORMS.of(run.ledger, name)
    if replace(whole.binding, manifest_md5=md5) != binding or (known and known.binding != binding):
        raise ResumeRefused(
            f"the second export of {pair.source} would be transformed by other rules, another hook or another key than "
            "the first; start a new run with another run id"
        )
    if known is not None:
        return known
    raw = RawExport(made.arn, made.bucket, made.folder, manifest.items, md5)
    now = run.now()
    begun = SecondTransform(binding, new_export_id(now, uuid.uuid4().hex), raw, format_timestamp(now))
    SECOND_TRANSFORMS.record(run.ledger, name, begun)
    return begun
