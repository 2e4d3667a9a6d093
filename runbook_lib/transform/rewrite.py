"""One data file of an export made into another: every line kept, filtered, or refused with its reason.

Files are rewritten here, or some at a time by worker processes of this machine, which reach what this one reaches.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.session.clients import Clients
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import calls_of
from runbook_lib.errors import ConfigError, CorruptFile, RunbookError, TransferError
from runbook_lib.export_format.data_file import CheckedFile, fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import ExportWriter, data_file_name
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import held_key
from runbook_lib.items.lines import parse_line
from runbook_lib.masking.hook import HookContext, load_hook
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import MaskTally
from runbook_lib.masking.recipe import NotPure, Recipe, Untransformable
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.run.facts.masking.transform import TransformCounts, TransformedFile
from runbook_lib.run.tables.unwritten import QuarantinedRow
from runbook_lib.transform.derived import DerivedPlace, derived_writer
from runbook_lib.transform.settings import Ready

SHOWN_EVERY = 5_000
ONE = threading.Lock()  # a hook is kept silent in the whole process, so that one at a time is run


class UnnamedValues(TransferError):
    """A file with values that no rule names; `values` counts them."""

    def __init__(self, values: UnnamedCount) -> None:
        super().__init__("values that no rule of transform.mask names")
        self.values = values


@dataclass(slots=True)
class FileRewrite:
    """What a file is rewritten with: the recipe, both tables' names, and where things go."""

    recipe: Recipe
    source: str
    target: str
    raw: Any
    bucket: str
    writer: ExportWriter
    secret: RunSecret
    on_items: Callable[[int], None] = lambda items: None
    refused: list[QuarantinedRow] = field(default_factory=list)

    def rewrite(self, file: DataFile) -> TransformedFile:
        """Make a file; it is stored only where all of it could be judged. `refused` has what was not kept.

        Raises UnnamedValues, and TransferError for a hook that is not pure or a file that does not add up.
        """
        self.refused, tally = [], self.recipe.tally()
        with fetch(self.raw, self.bucket, file) as checked:
            self._refuse(file, {line: (None, why) for line, why in checked.unreadable.items()})
            entry = self.writer.add_file(self._lines(checked, tally), data_file_name(file.key.encode()))
        mask = tally.mask or MaskTally([], [], [])
        counts = TransformCounts(
            file.items, tally.kept, tally.filtered, tally.added, len(self.refused), tally.keys_rewritten,
            tally.replication + mask.replication,
        )  # fmt: skip
        if not counts.add_up or entry.item_count != counts.derived:
            raise TransferError(
                f"{file.key}: of {counts.exported} items {counts.kept} were kept, {counts.filtered} filtered and "
                f"{counts.quarantined} refused, and {entry.item_count} written with {counts.added} added; they should "
                "add up"
            )
        return TransformedFile(
            self.source, file.ordinal, file.key, file.md5, entry.key, entry.md5_checksum, entry.etag,
            entry.item_bytes, counts, tuple(mask.counts), tuple(mask.dropped), tuple(mask.shrunk),
        )  # fmt: skip

    def _lines(self, checked: CheckedFile, tally: Any) -> Iterator[bytes]:
        """The items that the file's become; nothing of it is stored if this raises."""
        file, done, refused = checked.file, 0, dict[int, tuple[str | None, str]]()
        for number, line in checked.items():
            context = HookContext(self.source, self.target, file.ordinal, number)
            item = None
            try:
                item = parse_line(line)
                yield from self.recipe.made_of(item, context, tally)
            except (Untransformable, CorruptFile) as error:
                refused[number] = (self._key_hash(item), str(error))
            except NotPure:
                raise TransferError(
                    f"{file.key}: line {number}: transform.hook made another item of it the second time; a hook has "
                    "to depend on nothing but the item and its context, so that a resumed run makes the same"
                ) from None
            done += 1
            if done % SHOWN_EVERY == 0:
                self.on_items(SHOWN_EVERY)
        self.on_items(done % SHOWN_EVERY)
        if tally.mask is not None and tally.mask.unnamed:
            raise UnnamedValues(tally.mask.unnamed)
        self._refuse(file, refused)

    def _refuse(self, file: DataFile, lines: dict[int, tuple[str | None, str]]) -> None:
        self.refused += [QuarantinedRow(self.source, file.key, line, key, why) for line, (key, why) in lines.items()]

    def _key_hash(self, item: Any) -> str | None:
        try:
            return self.secret.key_hash(canonical_json(held_key(item, self.recipe.key))) if item else None
        except CorruptFile:
            return None


@dataclass(frozen=True, slots=True)
class RewriteUnit:
    """Some files of one table for a worker process: what it has of `Ready` but the hook's function, and both places."""

    site: UnitContext
    source: TableDescription
    target: str
    bucket: str
    place: DerivedPlace
    files: tuple[DataFile, ...]
    key: MaskKey | None
    hook: str | None
    secret: RunSecret


def rewrite_files(desk: WorkerContext, unit: RewriteUnit) -> Message:
    """What a worker process does with files: what it made, refused and found without a rule, up to what failed."""
    began, failure, process = time.monotonic(), None, desk.process
    made, refused, unnamed = list[TransformedFile](), list[QuarantinedRow](), UnnamedCount()
    calls: list[tuple[str, str, int]] = []
    try:
        with ONE:
            clients = desk.both_sides(unit.site)
            work = _work_of(unit, clients)
            for file in unit.files:
                try:
                    made.append(work.rewrite(file))
                except UnnamedValues as error:
                    unnamed.add(error.values)
                    continue
                refused += work.refused
        calls = calls_of(clients.calls)
    except RunbookError as error:
        failure = str(error)
    told = {"failure": failure, "process": process, "calls": calls, "seconds": time.monotonic() - began}
    return told | {"outcome": pickle.dumps((made, refused, unnamed))}


def _work_of(unit: RewriteUnit, clients: Clients) -> FileRewrite:
    recipe = recipe_of_unit(unit.site, unit.source, unit.key, unit.hook)
    writer = derived_writer(unit.site.config, clients.staging, unit.place)
    return FileRewrite(recipe, unit.source.name, unit.target, clients.raw, unit.bucket, writer, unit.secret)


def recipe_of_unit(site: UnitContext, source: TableDescription, key: MaskKey | None, known: str | None) -> Recipe:
    """The recipe in a worker process; raises ConfigError where it finds another hook than the one that is known."""
    settings = site.config.transform
    assert settings is not None, "only what is transformed is rewritten"
    hook = load_hook(settings.hook, site.config.folder) if settings.hook else None
    if (hook.sha256 if hook else None) != known:
        raise ConfigError(f"transform.hook: {settings.hook} was changed while it was at work; start a new run with it")
    return Ready(settings, hook, key).recipe_of(source)
