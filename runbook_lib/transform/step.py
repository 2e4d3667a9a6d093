"""Make of each export another one, in which nothing is but what may be in the target.

Each file of the export is read whole and checked, and each of its items kept, filtered or refused; what is made lies in
a place of its own, with manifests of its own, and from here on stands for the export. It is bound to the export's
manifests, the rules, the hook and the key: a resumed run goes on with the very same, or not at all. A table of which a
value has no rule, or of which two items would have one key, fails before anything is written to a target.
"""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.cluster.connect import open_processes, site_of
from runbook_lib.cluster.processes import processors
from runbook_lib.cluster.protocol import Message
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.cluster.spread import in_units, spread
from runbook_lib.errors import GateFailed, ResumeRefused, RunbookError, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import FileEntry, new_export_id
from runbook_lib.masking.recipe import Recipe
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, CompletedExport, ManifestFact
from runbook_lib.run.facts.masking.transform import (
    TRANSFORM_ASKED,
    TRANSFORMED_FILES,
    TRANSFORMS,
    RuleCount,
    TransformCounts,
    TransformedFile,
    TransformFact,
    TransformStatus,
    files_transformed,
)
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows, keep_files
from runbook_lib.run.tables.unwritten import QuarantinedRow, count_quarantined, keep_quarantined
from runbook_lib.run.witnesses.export_users import hold_uses
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.derived import DerivedPlace, derived_manifest, derived_writer
from runbook_lib.transform.key_check import KeysCollide, check_key_values, check_keys
from runbook_lib.transform.rewrite import FileRewrite, RewriteUnit, UnnamedValues, rewrite_files
from runbook_lib.transform.settings import Ready, make_ready
from runbook_lib.transform.unnamed import unnamed_error, unnamed_paths

LARGE_ITEMS, LARGE_BYTES = 250_000, 100_000_000  # which take longer than processes to start
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
    of = export.manifest
    place = DerivedPlace(of.table_arn, of.table_id, fact.export_id, fact.started, of.export_time)
    writer = derived_writer(run.config, run.clients.staging, place)
    writer.start()
    work = FileRewrite(recipe, pair.source, pair.target, run.clients.raw, export.bucket, writer, run.secret)
    _rewrite_files(_Making(run, pair, export, watch), ready, work, place)
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


@dataclass(slots=True)
class _Making:
    """The files of one table that are being made: how far that is, and the values that no rule names."""

    run: Run
    pair: Pair
    export: CompletedExport
    watch: Watch
    done: int = 0
    unnamed: UnnamedCount = field(default_factory=UnnamedCount)

    def show(self, items: int) -> None:
        self.done += items
        self.watch(self.pair.source, "transforming", self.done, self.export.items)

    def keep(self, made: Iterable[TransformedFile], refused: Iterable[QuarantinedRow]) -> None:
        """Record files that are stored."""
        ledger, source = self.run.ledger, self.pair.source
        with ledger.batch():
            for file in made:
                TRANSFORMED_FILES.record(ledger, f"{source} {file.raw_key}", file)
            keep_quarantined(ledger, refused)
        self.refuse_too_many()

    def refuse_too_many(self) -> None:
        """Raise TransferError where more items were refused than may be."""
        count = count_quarantined(self.run.ledger, self.pair.source)
        limit = self.run.config.import_.quarantine_limit
        if count > limit:
            raise TransferError(
                f"{count:,} items cannot be transformed, import.quarantine_limit is {limit}; quarantine/ says which "
                "and why"
            )


def _rewrite_files(making: _Making, ready: Ready, work: FileRewrite, place: DerivedPlace) -> None:
    """Make every file that is not made yet; a file with unnamed values is not stored, and the others are looked at."""
    run, pair = making.run, making.pair
    known = {file.raw_key for file in files_transformed(run.ledger, pair.source)}
    files = [row.data_file for row in file_rows(run.ledger, pair.source)]
    making.show(sum(file.items for file in files if file.key in known))
    making.refuse_too_many()  # an earlier start may have ended so with its last file
    left = [file for file in files if file.key not in known]
    many = run.config.validate_.processes or processors()
    with ExitStack() as opened:
        roster = None
        if many > 1 and len(left) > 1 and _is_large(making.export):
            roster = opened.enter_context(open_processes(run, "transform", many, both=True))
        if roster is not None:
            _have_rewritten(making, roster, many, _units(making, ready, place, left))
        else:
            _rewrite_here(making, work, left)
    if making.unnamed:
        _refuse_unnamed(run, pair, making.unnamed)


def _is_large(export: CompletedExport) -> bool:
    """Whether there is so much to transform that processes are worth their start."""
    return export.items >= LARGE_ITEMS or export.manifest.billed_bytes >= LARGE_BYTES


def _rewrite_here(making: _Making, work: FileRewrite, files: Iterable[DataFile]) -> None:
    work.on_items = making.show
    for file in files:
        try:
            made = work.rewrite(file)
        except UnnamedValues as error:
            making.unnamed.add(error.values)
            continue
        making.keep([made], work.refused)


def _units(making: _Making, ready: Ready, place: DerivedPlace, files: list[DataFile]) -> Iterator[RewriteUnit]:
    run, pair = making.run, making.pair
    assert pair.source_facts is not None, "its recipe was made of them"
    hook = ready.hook.sha256 if ready.hook else None
    for some in in_units(files):
        yield RewriteUnit(
            site_of(run), pair.source_facts, pair.target, making.export.bucket, place, tuple(some), ready.key, hook,
            run.secret,
        )  # fmt: skip


def _have_rewritten(making: _Making, roster: WorkerRoster, many: int, units: Iterator[RewriteUnit]) -> None:
    """Have worker processes make the files, as many units at a time as there are processes."""

    def take(said: Message, unit: RewriteUnit) -> None:
        made, refused, unnamed = pickle.loads(said["outcome"])
        making.keep(made, refused)
        making.unnamed.add(unnamed)
        items = sum(file.items for file in unit.files)
        making.show(items)
        roster.count_calls(said["process"], said["calls"])
        if said["failure"]:
            raise TransferError(said["failure"])
        roster.note(making.pair.source, said["process"], making.run.now().timestamp(), items, since=said["seconds"])

    spread(roster, making.pair.source, rewrite_files, units, many, take)


def _refuse_unnamed(run: Run, pair: Pair, unnamed: UnnamedCount) -> None:
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
