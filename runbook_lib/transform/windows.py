"""Make of each window another one, as of the export before it: bound to the same rules, hook and key.

What AWS exported stays where the raw exports are; what is made of it lies with the derived export, has manifests of its
own, and is what is read, applied and compared from here on. Both images pass, so that each change still proves the one
before it. A killed process goes on with the file that was open.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.cluster.connect import open_processes, site_of
from runbook_lib.cluster.processes import processors
from runbook_lib.cluster.spread import worth_processes
from runbook_lib.errors import CorruptFile, ExportError, GateFailed, ResumeRefused, TransferError
from runbook_lib.export_format.change import BOTH_IMAGES, ChangeWindow
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import ExportedWindow, FileEntry, new_export_id
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keys import held_key
from runbook_lib.items.lines import parse_line
from runbook_lib.masking.recipe import Recipe
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformStatus
from runbook_lib.run.facts.masking.windows import (
    TRANSFORMED_CHANGES,
    WINDOW_TRANSFORMS,
    ChangeCounts,
    RawExport,
    TransformedChanges,
    WindowTransform,
    changes_transformed,
)
from runbook_lib.run.facts.windows import WindowFact, keep_window, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.windows import (
    ChangeRow,
    count_refused,
    export_files,
    inserted_before,
    inserted_keys,
    keep_changes,
    keep_export_files,
    keep_refused,
    raw_side,
    window_counts,
)
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.changes import ChangesRewrite, Refused
from runbook_lib.transform.derived import DerivedPlace, derived_manifest, derived_writer
from runbook_lib.transform.key_check import KeysCollide, check_change_values
from runbook_lib.transform.rewrite import UnnamedValues
from runbook_lib.transform.settings import Ready, make_ready
from runbook_lib.transform.unnamed import unnamed_error
from runbook_lib.transform.window_units import MadeChanges, WindowUnit, have_made, made_name


def derive_window(run: Run, pair: Pair, fact: WindowFact) -> WindowFact:
    """The window that a transform makes of one that is exported; the same one without a transform, or where it is made.

    Raises ResumeRefused for other rules than the export was transformed by, TransferError for what no rule names, and
    KeysCollide where values of an index key become one; nothing of the window is written then.
    """
    if run.config.transform is None or fact.raw is not None:
        return fact
    ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
    if ready is None or pair.source_facts is None:
        raise GateFailed(f"{pair.source} has no source facts; run 00_preflight again")
    recipe = ready.recipe_of(pair.source_facts)
    made = _begun(run, pair, fact, ready)
    place = _place(run, pair, fact, made)
    writer = derived_writer(run.config, run.clients.staging, place)
    writer.start()
    unit = WindowUnit(
        site_of(run), pair.source_facts, pair.target, made.raw.bucket, place,
        ChangeWindow(*fact.span, fact.view, recipe.key), fact.name, (), ready.key,
        ready.hook.sha256 if ready.hook else None, run.secret,
    )  # fmt: skip
    _make_files(run, pair, fact, unit, recipe)
    earlier = [window for window in windows_of(run.ledger, pair.source) if window.number < fact.number]
    check_change_values(run, pair, [*earlier, fact], recipe)
    files = changes_transformed(run.ledger, fact.name)
    writer.finish(
        datetime.now(UTC), files=[FileEntry(f.counts.derived, f.md5, f.etag, f.key, f.item_bytes) for f in files]
    )
    return _keep(run, fact, made)


def _begun(run: Run, pair: Pair, fact: WindowFact, ready: Ready) -> WindowTransform:
    """The fact of a transform that is bound to the window as it was exported; recorded before the first file."""
    if fact.view != BOTH_IMAGES:
        raise ExportError(
            f"{pair.source}: window {fact.number} has {fact.view}, and a transform needs {BOTH_IMAGES}: only the old "
            "image says which items it had made of one before. Set catch_up.view, or export the windows again with both"
        )
    binding = ready.binding(fact.manifest_md5, run.secret)
    whole = TRANSFORMS.of(run.ledger, pair.source)
    if whole is None or whole.status != TransformStatus.COMPLETED:
        raise GateFailed(f"the export of {pair.source} should be transformed and is not yet; run 15_transform first")
    known = WINDOW_TRANSFORMS.of(run.ledger, fact.name)
    if replace(whole.binding, manifest_md5=fact.manifest_md5) != binding or (known and known.binding != binding):
        raise ResumeRefused(
            f"window {fact.number} of {pair.source} would be transformed by other rules, another hook or another key "
            "than the export before it; start a new run with another run id"
        )
    if known is not None:
        return known
    raw = RawExport(fact.arn, fact.bucket, fact.folder, fact.changes or 0, fact.manifest_md5)
    now = run.now()
    export_id = new_export_id(now, uuid.uuid4().hex)
    made = WindowTransform(binding, export_id, raw, format_timestamp(now), run.secret.fingerprint)
    WINDOW_TRANSFORMS.record(run.ledger, fact.name, made)
    return made


def _place(run: Run, pair: Pair, fact: WindowFact, made: WindowTransform) -> DerivedPlace:
    completed = TRANSFORMS.needed(run.ledger, pair.source).raw.completed
    if completed is None:
        raise GateFailed(f"the export of {pair.source} should be COMPLETED and is not; run 10_export first")
    return DerivedPlace(
        completed.manifest.table_arn, completed.manifest.table_id, made.export_id, made.started,
        window=ExportedWindow(*fact.span, fact.view),
    )  # fmt: skip


def _make_files(run: Run, pair: Pair, fact: WindowFact, unit: WindowUnit, recipe: Recipe) -> None:
    """Make every file that is not made yet; a file with unnamed values is not stored, and the others are looked at."""
    raw_arn = WINDOW_TRANSFORMS.needed(run.ledger, fact.name).raw.arn or ""
    known = {file.raw_key for file in changes_transformed(run.ledger, fact.name)}
    left = [row.file for row in export_files(run.ledger, pair.source, raw_arn) if row.file.key not in known]
    many, unnamed = run.config.validate_.processes or processors(), UnnamedCount()
    if shared := worth_processes(left, many):
        with open_processes(run, "transform", many, both=True) as roster:
            if roster is not None:
                unnamed = have_made(roster, pair.source, many, unit.of(shared), partial(_keep_made, run, fact))
                left = [file for file in left if file not in shared]
    _make_here(run, fact, unit, recipe, left, unnamed)
    if unnamed:
        raise unnamed_error(unnamed)
    limit = run.config.import_.quarantine_limit
    refused = count_refused(run.ledger, pair.source, fact.number, raw_arn)
    if refused > limit:
        raise TransferError(
            f"{refused:,} changes of window {fact.number} cannot be transformed, import.quarantine_limit is {limit}; "
            "nothing of it was written. Start a new run with other rules"
        )


def _keep_made(run: Run, fact: WindowFact, made: MadeChanges) -> None:
    with run.ledger.batch():
        keep_changes(run.ledger, raw_side(fact.source), fact.number, made.rows)
        _keep_file(run, fact, made.file, made.refused)


def _keep_file(run: Run, fact: WindowFact, file: TransformedChanges, refused: Iterable[Refused]) -> None:
    TRANSFORMED_CHANGES.record(run.ledger, f"{fact.name} {file.raw_key}", file)
    keep_refused(run.ledger, fact.source, fact.number, refused)


def _make_here(
    run: Run, fact: WindowFact, unit: WindowUnit, recipe: Recipe, files: Iterable[DataFile], unnamed: UnnamedCount
) -> None:
    def keep(rows: Iterable[ChangeRow]) -> None:
        keep_changes(run.ledger, raw_side(fact.source), fact.number, rows)

    writer = derived_writer(run.config, run.clients.staging, unit.place)
    work = ChangesRewrite(
        recipe, unit.source.name, unit.target, run.clients.raw, unit.bucket, unit.window, writer, run.secret, keep
    )
    for file in files:
        try:
            with run.ledger.batch():
                made = work.rewrite(unit.name, file, made_name(unit.place, file))
                _keep_file(run, fact, made, work.refused)
        except UnnamedValues as error:
            unnamed.add(error.values)


def _keep(run: Run, fact: WindowFact, made: WindowTransform) -> WindowFact:
    """From now on what was made stands for the window: all at once, and from its manifests as they lie there."""
    manifest = derived_manifest(run, made.export_id, of_changes=True)
    counts = [file.counts for file in changes_transformed(run.ledger, fact.name)]
    total = ChangeCounts(*(sum(getattr(c, name) for c in counts) for name in ChangeCounts.__dataclass_fields__))
    if total.exported != made.raw.items or total.derived != manifest.items or not total.add_up:
        raise TransferError(
            f"window {fact.number} of {fact.source} has {made.raw.items:,} changes, {total.added:,} were added, "
            f"{total.left_out:,} left out and {total.quarantined:,} refused, and what was made of it has "
            f"{manifest.items:,}; they should add up"
        )
    derived = replace(
        fact, raw=made.raw, arn=manifest.export_arn, bucket=run.config.target_staging.bucket, folder=manifest.folder,
        changes=manifest.items, manifest_md5=manifest.summary_md5 + manifest.files_md5,
    )  # fmt: skip
    raw = window_counts(run.ledger, raw_side(fact.source), fact.number)
    if raw.puts + raw.deletes != total.exported:
        raise CorruptFile(
            f"{made.raw.folder}: DUPLICATE_KEY: window {fact.number} ({fact.start} to {fact.end}) has {total.exported} "
            f"changes of {raw.puts + raw.deletes} keys; which of a key's is its last state, nobody knows. Nothing of "
            "the window was written: export it again"
        )
    done = replace(made, counts=total, broken=raw.broken, finished=format_timestamp(run.now()))
    with run.ledger.batch():
        WINDOW_TRANSFORMS.record(run.ledger, fact.name, done)
        keep_export_files(run.ledger, fact.source, manifest.export_arn, manifest.files)
        return keep_window(run.ledger, derived)


def refuse_merged(run: Run, pair: Pair, fact: WindowFact) -> None:
    """Raise KeysCollide, before a window is written, where an item that is new in it has the key of another one.

    Only where keys can become one: short pseudonyms, or a hook. A change that was never exported looks the same.
    """
    if fact.raw is None or pair.source_facts is None:
        return
    ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
    recipe = ready.recipe_of(pair.source_facts) if ready else None
    if recipe is None or not recipe.may_merge_keys:
        return
    merged = inserted_before(run.ledger, pair.source, fact.number)
    new = inserted_keys(run.ledger, pair.source, fact.number)
    bucket = str(EXPORTS.needed(run.ledger, pair.source).bucket)
    for row in file_rows(run.ledger, pair.source) if new else ():
        with fetch(run.clients.staging, bucket, row.data_file) as checked:
            for _, line in checked.items():
                key = canonical_json(held_key(parse_line(line), recipe.key))
                merged += run.secret.key_digest(key) in new
    if merged:
        raise KeysCollide(
            merged,
            f"{merged:,} items that are new in window {fact.number} would have the key of another item, or a change "
            "was never exported; nothing of the window was written.",
        )
