"""One data file of an export made into another: every line kept, filtered, or refused with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.data_file import CheckedFile, fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import ExportWriter, data_file_name
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import held_key
from runbook_lib.items.lines import parse_line
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.masker import MaskTally
from runbook_lib.masking.paths import Path
from runbook_lib.masking.recipe import NotPure, Recipe, Untransformable
from runbook_lib.run.facts.masking.transform import TransformCounts, TransformedFile
from runbook_lib.run.tables.unwritten import QuarantinedRow

SHOWN_EVERY = 5_000


class UnnamedValues(TransferError):
    """A file with values that no rule names; `values` counts them by path and type."""

    def __init__(self, values: Counter[tuple[Path, str]]) -> None:
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
