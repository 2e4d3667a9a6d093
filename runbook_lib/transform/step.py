"""Make of each export another one, in which nothing is but what may be in the target.

Each file of the export is read whole and checked, and each of its items kept, filtered or refused; what is made lies in
a place of its own, with manifests of its own, and from here on stands for the export. It is bound to the export's
manifests, the rules, the hook and the key: a resumed run goes on with the very same, or not at all. A table of which a
value has no rule, or of which two items would have one key, fails before anything is written to a target.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.errors import GateFailed, ResumeRefused, RunbookError, TransferError
from runbook_lib.export_format.writer import ExportWriter, FileEntry, new_export_id
from runbook_lib.masking.paths import Path as AttributePath
from runbook_lib.masking.recipe import Recipe
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, CompletedExport, ManifestFact
from runbook_lib.run.facts.masking.transform import (
    TRANSFORM_ASKED,
    TRANSFORMED_FILES,
    TRANSFORMS,
    RuleCount,
    TransformCounts,
    TransformFact,
    TransformStatus,
    files_transformed,
)
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows, keep_files
from runbook_lib.run.tables.unwritten import count_quarantined, keep_quarantined
from runbook_lib.run.witnesses.export_users import hold_uses
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.derived import DerivedPlace, derived_manifest, derived_writer
from runbook_lib.transform.key_check import KeysCollide, check_key_values, check_keys
from runbook_lib.transform.rewrite import FileRewrite, UnnamedValues
from runbook_lib.transform.settings import Ready, make_ready
from runbook_lib.transform.unnamed import unnamed_error, unnamed_paths

Watch = Callable[[str, str, int, int], None]


def transform_tables(run: Run, watch: Watch = lambda table, state, done, of: None) -> dict[str, TransformFact]:
    """Transform every planned table's export; returns the facts by source table.

    Without `transform` in the migration file there is nothing to do. What is done is not done again. Raises
    TransferError naming each table that could not be transformed, after the others.
    """
    with run.step("transform"):
        ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
        TRANSFORM_ASKED.record(run.ledger, ready is not None)
        failures = []
        for pair in run.planned_pairs() if ready else []:
            if pair.method == Method.SKIP:
                continue
            try:
                _transform(run, pair, ready, watch)  # type: ignore[arg-type]  # none without it
            except ResumeRefused:
                raise
            except RunbookError as error:
                fact = TRANSFORMS.of(run.ledger, pair.source)
                if fact is not None:
                    failed = replace(fact, status=TransformStatus.FAILED, failure=str(error))
                    TRANSFORMS.record(run.ledger, pair.source, failed)
                failures.append(f"{pair.source}: {error}")
        if failures:
            raise TransferError("; ".join(failures))
        return TRANSFORMS.all(run.ledger)


def _transform(run: Run, pair: Pair, ready: Ready, watch: Watch) -> None:
    fact, export = _begun(run, pair, ready)
    if fact.status == TransformStatus.COMPLETED:
        return
    hold_uses(run, pair)
    if pair.source_facts is None:
        raise GateFailed(f"{pair.source} has no source facts; run 00_preflight again")
    clock, recipe = time.monotonic(), ready.recipe_of(pair.source_facts)
    writer = _writer(run, fact, export)
    writer.start()
    _rewrite_files(run, pair, export, recipe, writer, watch)
    made = files_transformed(run.ledger, pair.source)
    entries = [FileEntry(f.counts.derived, f.md5, f.etag, f.key, f.item_bytes) for f in made]
    try:
        check_keys(run, pair, recipe, entries, watch)
        check_key_values(run, pair, export, recipe, watch)
    except KeysCollide as error:
        TRANSFORMS.record(run.ledger, pair.source, replace(fact, collisions=error.collisions))
        raise
    writer.finish(datetime.now(UTC), files=entries)
    _keep(run, pair, replace(fact, collisions=0), export, recipe, clock)
    watch(pair.source, "done", export.items, export.items)


def _begun(run: Run, pair: Pair, ready: Ready) -> tuple[TransformFact, CompletedExport]:
    """The fact of a transform that is bound to the export as it is, and the export; recorded before the first file."""
    known = TRANSFORMS.of(run.ledger, pair.source)
    raw = known.raw if known is not None else EXPORTS.of(run.ledger, pair.source)
    export = raw.completed if raw is not None else None
    if raw is None or export is None:
        state = raw.status if raw is not None else "not begun"
        raise GateFailed(f"the export of {pair.source} should be COMPLETED and is {state}; run 10_export first")
    binding = ready.binding(export.manifest.md5, run.secret)
    if known is not None and known.binding != binding:
        raise ResumeRefused(
            f"the transform of {pair.source} was begun with other rules, another hook or another key than now; start a "
            "new run with another run id"
        )
    if known is not None:
        return replace(known, failure=None, unnamed=None), export
    now = run.now()
    export_id = new_export_id(now, uuid.uuid4().hex)
    fact = TransformFact(
        TransformStatus.BEGUN, binding, export_id, raw, format_timestamp(now), masks=ready.key is not None
    )
    TRANSFORMS.record(run.ledger, pair.source, fact)
    return fact, export


def _writer(run: Run, fact: TransformFact, export: CompletedExport) -> ExportWriter:
    of = export.manifest
    return derived_writer(run, DerivedPlace(of.table_arn, of.table_id, fact.export_id, fact.started, of.export_time))


def _rewrite_files(
    run: Run, pair: Pair, export: CompletedExport, recipe: Recipe, writer: ExportWriter, watch: Watch
) -> None:
    """Make every file that is not made yet; a file with unnamed values is not stored, and the others are looked at."""
    done, unnamed = 0, Counter[tuple[AttributePath, str]]()

    def show(items: int) -> None:
        nonlocal done
        done += items
        watch(pair.source, "transforming", done, export.items)

    known = {file.raw_key for file in files_transformed(run.ledger, pair.source)}
    work = FileRewrite(
        recipe, pair.source, pair.target, run.clients.raw, export.bucket, writer, run.secret, on_items=show
    )
    for row in file_rows(run.ledger, pair.source):
        file = row.data_file
        if file.key in known:
            show(file.items)
            continue
        try:
            made = work.rewrite(file)
        except UnnamedValues as error:
            unnamed += error.values
            continue
        with run.ledger.batch():
            TRANSFORMED_FILES.record(run.ledger, f"{pair.source} {file.key}", made)
            keep_quarantined(run.ledger, work.refused)
        refused, limit = count_quarantined(run.ledger, pair.source), run.config.import_.quarantine_limit
        if refused > limit:
            raise TransferError(
                f"{refused:,} items cannot be transformed, import.quarantine_limit is {limit}; quarantine/ says which "
                "and why"
            )
    if unnamed:
        _refuse_unnamed(run, pair, unnamed)


def _refuse_unnamed(run: Run, pair: Pair, unnamed: Counter[tuple[AttributePath, str]]) -> None:
    fact = TRANSFORMS.needed(run.ledger, pair.source)
    TRANSFORMS.record(run.ledger, pair.source, replace(fact, unnamed=unnamed_paths(unnamed)))
    raise unnamed_error(unnamed)


def _keep(run: Run, pair: Pair, fact: TransformFact, export: CompletedExport, recipe: Recipe, clock: float) -> None:
    """From now on the derived export stands for the table's: all at once, and from its manifests as they lie there."""
    manifest = derived_manifest(run, fact.export_id)
    files, now = files_transformed(run.ledger, pair.source), run.now()
    counts = [file.counts for file in files]
    total = TransformCounts(*(sum(getattr(c, name) for c in counts) for name in TransformCounts.__dataclass_fields__))
    if total.exported != export.items or total.derived != manifest.items or not total.add_up:
        raise TransferError(
            f"the export has {export.items:,} items, {total.kept:,} were kept, {total.added:,} added, "
            f"{total.filtered:,} filtered and {total.quarantined:,} refused, and the derived export has "
            f"{manifest.items:,}; they should add up"
        )
    rules = tuple(
        RuleCount(
            rule.name, rule.path, rule.verb, sum(f.values[n] for f in files), sum(f.dropped[n] for f in files),
            sum(f.shrunk[n] for f in files),
        )
        for n, rule in enumerate(recipe.mask.rules if recipe.mask else ())
    )  # fmt: skip
    done = replace(
        fact,
        status=TransformStatus.COMPLETED,
        counts=total,
        rules=rules,
        finished=format_timestamp(now),
        seconds=round((fact.seconds or 0.0) + time.monotonic() - clock, 3),
    )
    derived = replace(
        fact.raw,
        arn=manifest.export_arn,
        bucket=run.config.target_staging.bucket,
        folder=manifest.folder,
        items=manifest.items,
        files=len(manifest.files),
        manifest=ManifestFact.of(manifest),
    )
    with run.ledger.batch():
        TRANSFORMS.record(run.ledger, pair.source, done)
        EXPORTS.record(run.ledger, pair.source, derived)
        keep_files(run.ledger, pair.source, manifest.files)
