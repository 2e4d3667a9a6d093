"""A full export with the windows laid over it: what the target should hold at the end of the last window.

The full export's stream leaves out every key that a window has, and the last state of each such key follows it. On the
way each key that is left out is held against the old image of its first change: one that is not as it should be says
that a change between the two was never exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import fetch_changes, read_changes
from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.masking.transform import TRANSFORMS, raw_files
from runbook_lib.run.facts.masking.windows import WINDOW_TRANSFORMS
from runbook_lib.run.facts.windows import (
    SECOND_EXPORTS,
    OverlayFact,
    SecondComparison,
    SecondExport,
    WindowFact,
    WindowState,
    applied_until,
    windows_of,
)
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import OverlaidKey, Overlay, export_files, raw_side
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.compare import Comparison
from runbook_lib.validate.readers import Check, ExportReader, Spelled, export_buckets, stoppable


@dataclass(slots=True)
class Continuity:
    """How the overlaid keys stood in the full export: left out of its stream, as the first old image says, or strange.

    A stranger should not have been there: the first change of its key says that it was made in that window.
    """

    left_out: int = 0
    as_said: int = 0
    strangers: int = 0

    def note(self, known: OverlaidKey, held: bytes) -> None:
        """One overlaid key was met in the full export."""
        self.left_out += 1
        if known.first_known and known.first_old is None:
            self.strangers += not known.may_have_been(held)
        elif known.first_known:
            self.as_said += known.may_have_been(held)


@dataclass(frozen=True, slots=True)
class OverlaidExport:
    """What an `ExportReader` is for a full export alone; `files` are its own and then those of the windows."""

    base: ExportReader
    windows: tuple[tuple[WindowFact, DataFile], ...]
    overlay: Overlay
    secret: RunSecret
    continuity: Continuity = field(default_factory=Continuity)

    @property
    def key(self) -> tuple[KeyAttribute, ...]:
        return self.base.key

    @property
    def files(self) -> list[DataFile]:
        """All files, numbered through."""
        all_of_them = [*self.base.files, *(file for _, file in self.windows)]
        return [replace(file, ordinal=number) for number, file in enumerate(all_of_them)]

    def items(self) -> Iterator[Item]:
        """Every item that should be there; each call reads the files anew."""
        for file in self.files:
            yield from self.items_of(file)

    def items_of(self, file: DataFile) -> Iterator[Item]:
        """The items of one file that no later window has."""
        number = file.ordinal - len(self.base.files)
        if number < 0:
            yield from self._not_overlaid(file)
        else:
            yield from self._last_states(*self.windows[number])

    def spelled_of(self, file: DataFile, key: Sequence[KeyAttribute]) -> Iterator[Spelled]:
        """The key and the whole of each item of `items_of`, in canonical JSON; what has a known form is not parsed."""
        number = file.ordinal - len(self.base.files)
        if number < 0:
            yield from self._spelled_not_overlaid(file, key)
        else:
            yield from self._last_spelled(*self.windows[number])

    def _spelled_not_overlaid(self, file: DataFile, key: Sequence[KeyAttribute]) -> Iterator[Spelled]:
        for spelled in self.base.spelled_of(file, key):
            name, text = spelled
            known = self.overlay.get(self.secret.key_digest(name))
            if known is None:
                yield spelled
            else:
                self.continuity.note(known, self.secret.item_digest(text))

    def _last_spelled(self, fact: WindowFact, file: DataFile) -> Iterator[Spelled]:
        window = ChangeWindow(*fact.span, fact.view, self.key)
        for change in read_changes(self.base.s3, fact.bucket, [file], window):
            if change.new is not None:
                known = self.overlay.get(self.secret.key_digest(change.key))
                if known is not None and known.number == fact.number:
                    yield change.key, change.new

    def _not_overlaid(self, file: DataFile) -> Iterator[Item]:
        keyed = self.secret.item_digests()
        for item in self.base.items_of(file):
            key, item_digest = digests(item, self.key, keyed)
            known = self.overlay.get(self.secret.key_digest(key))
            if known is None:
                yield item
            else:
                self.continuity.note(known, item_digest)

    def _last_states(self, fact: WindowFact, file: DataFile) -> Iterator[Item]:
        keyed = self.secret.item_digests()
        window = ChangeWindow(*fact.span, fact.view, self.key)
        with fetch_changes(self.base.s3, fact.bucket, file, window) as checked:
            for _, change in checked.changes():
                if change.new is not None:
                    key, _ = digests(change.new, self.key, keyed)
                    known = self.overlay.get(self.secret.key_digest(key))
                    if known is not None and known.number == fact.number:
                        yield change.new

    def has_later(self, key: bytes) -> bool:
        """Whether a window says what should be under a canonical key."""
        return self.overlay.get(self.secret.key_digest(key)) is not None

    def refused_keys(self) -> frozenset[bytes]:
        """The keys that the import could not write."""
        return self.base.refused_keys()


def overlaid(run: Run, pair: Pair, base: ExportReader) -> OverlaidExport | None:
    """The export with the table's applied windows laid over it; None where there is no window."""
    if not (facts := _applied(run, pair)):
        return None
    files = ((fact, row.file) for fact in facts for row in export_files(run.ledger, pair.source, fact.arn or ""))
    return OverlaidExport(base, tuple(files), Overlay(run.ledger, pair.source, facts[-1].number), run.secret)


def _applied(run: Run, pair: Pair) -> list[WindowFact]:
    return [fact for fact in windows_of(run.ledger, pair.source) if fact.state is WindowState.APPLIED]


CATCH_UP_AGAIN = "catch up again (40_catch_up, or runbook catch-up)"
NOT_COMPARED = (
    "it was not compared with a second full export, which catch_up.proof asks for; catch up again with --execute, "
    "which has one made"
)


def window_reasons(run: Run, pair: Pair) -> list[str]:
    """Why the windows of a table are no proof of anything, whatever the target holds."""
    found, before = [], "the full export"
    for fact in windows_of(run.ledger, pair.source):
        named = f"window {fact.number} ({fact.start} to {fact.end})"
        if fact.state is not WindowState.APPLIED:
            found.append(f"{named} is {fact.state} and not applied; {CATCH_UP_AGAIN}")
        elif fact.digests != run.secret.fingerprint:
            found.append(f"{named} was read under a secret that is lost; {CATCH_UP_AGAIN}, it is read anew")
        if fact.broken:
            found.append(
                f"a change was never exported: {_changes(fact.broken)} of {named} not what {before} had left; begin "
                "anew with a full export"
            )
        made = WINDOW_TRANSFORMS.of(run.ledger, fact.name)
        if made is not None and made.counts is not None and made.counts.quarantined:
            found.append(
                f"{_changes(made.counts.quarantined)} of {named} in quarantine: its new state cannot be transformed"
            )
        if made is not None and made.broken:
            found.append(
                f"a change was never exported: {_changes(made.broken)} of {named}, as it was exported, not what "
                f"{before} had left; begin anew with a full export"
            )
        if made is not None and made.digests != run.secret.fingerprint:
            found.append(f"{named} was transformed under a secret that is lost; begin anew with a full export")
        if fact.quarantined:
            found.append(f"{_changes(fact.quarantined)} of {named} in quarantine and not written")
        before = "the windows before it"
    return found


def overlay_reasons(facts: OverlayFact, begins: str) -> list[str]:
    """Why the windows do not go on from the full export, as they are applied or as they were exported."""
    sides = {"": facts.broken, ", as it was exported,": facts.raw_broken or 0}
    return [
        f"a change was never exported: {_changes(broken)} not what the full export of {begins}{side} had left, by "
        "the old images of the windows; begin anew with a full export"
        for side, broken in sides.items()
        if broken
    ]


def _changes(count: int) -> str:
    return "1 change is" if count == 1 else f"{count:,} changes are"


def overlay_facts(run: Run, pair: Pair, one: OverlaidExport, export: CompletedExport) -> OverlayFact:
    """What the overlay came to, once its stream was read to its end."""
    facts = _applied(run, pair)
    met, present = one.continuity, one.overlay.present()
    return OverlayFact(
        windows=len(facts),
        as_of=applied_until(facts),
        keys=len(one.overlay),
        left_out=met.left_out,
        present=present,
        items_due=export.items - met.left_out + present,
        old_images=all(fact.view == "NEW_AND_OLD_IMAGES" for fact in facts),
        broken=one.overlay.in_full() - met.as_said + met.strangers,
        second_due=run.config.catch_up.proof == "full_export",
    )


def raw_broken(run: Run, pair: Pair, key: tuple[KeyAttribute, ...], check: Check) -> int | None:
    """How many first changes do not go on from the raw export, by the raw images; None where nothing was transformed.

    A transform may make equal what was not: a lost change to what it drops shows here alone.
    """
    made = TRANSFORMS.of(run.ledger, pair.source)
    export = made.raw.completed if made is not None else None
    if export is None or not (facts := _applied(run, pair)):
        return None
    reader = ExportReader(run.clients.raw, export.bucket, raw_files(run.ledger, pair.source), key, {})
    overlay = Overlay(run.ledger, raw_side(pair.source), facts[-1].number)
    met, keyed = Continuity(), run.secret.item_digests()
    for item in stoppable(reader.items(), check):
        name, held = digests(item, key, keyed)
        if (known := overlay.get(run.secret.key_digest(name))) is not None:
            met.note(known, held)
    return overlay.in_full() - met.as_said + met.strangers


def against_second(
    run: Run,
    pair: Pair,
    full: ExportReader,
    changes: OverlayFact,
    held_against: Callable[[BucketDigest, Callable[[], Iterator[Item]]], Comparison],
    check: Check,
) -> tuple[SecondComparison | None, list[str]]:
    """Compare the target with a second full export too, where one was made; why it is not as that says.

    One that is due and was not made, or has not ended, proves nothing: the windows alone are not what was asked for.
    """
    made = SECOND_EXPORTS.of(run.ledger, pair.source)
    if made is None or made.items is None:
        return None, [NOT_COMPARED] if changes.second_due else []
    files = [row.file for row in export_files(run.ledger, pair.source, made.arn or "")]
    reader = ExportReader(full.s3, made.bucket, files, full.key, {})
    buckets = export_buckets(reader, full.key, DigestCheckpoint(run.secret, run.now), lambda done: None, check)
    compared = SecondComparison(made.arn, made.moment, buckets.items)
    return compared, _second_reasons(made, buckets, held_against(buckets, reader.items), changes.as_of)


def _second_reasons(made: SecondExport, buckets: BucketDigest, comparison: Comparison, until: str | None) -> list[str]:
    """Why the target is not what the second full export says."""
    found = []
    if made.moment != until:
        found.append(f"the second full export is of {made.moment}, and the last window ends at {until}; catch up again")
    if buckets.items != made.items:
        found.append(f"the second full export's manifest says {made.items:,} items, {buckets.items:,} were read")
    if made.quarantined:
        found.append(f"{made.quarantined:,} items of the second full export cannot be transformed and are in no target")
    wrong = {kind: comparison.counts[kind] for kind in ("missing", "extra", "different") if comparison.counts[kind]}
    if wrong:
        told = ", ".join(f"{count:,} {kind}" for kind, count in wrong.items())
        found.append(
            f"a change was never exported in a window: against the second full export of {made.moment} the target has "
            f"{told}; begin anew with a full export"
        )
    return found
