"""Look through every target for raw values of masked paths, and say how much could be looked for.

What is found is a FAIL: the path, the rule that should have masked it, how it was hidden and a key's hash are recorded,
the value and the key are not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import orjson

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, scan_items
from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.errors import GateFailed, ResumeRefused, RunbookError, TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.leak_scan.hits import FirstHits
from runbook_lib.leak_scan.look import AT_ONCE, Counted, look_through_all
from runbook_lib.leak_scan.sought import RawTable, gather
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.masking.leak_scan import LEAKS, SOUGHT, LeakFact
from runbook_lib.run.facts.masking.transform import TRANSFORM_ASKED, TRANSFORMS, TransformStatus, raw_files
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.raw_windows import raw_window
from runbook_lib.transform.settings import Ready, make_ready

Watch = Callable[[str, str, int, int], None]


def scan_for_leaks(run: Run, watch: Watch = lambda table, state, done, of: None) -> dict[str, LeakFact]:
    """Search the targets of all planned tables; returns the facts by source table.

    Without `transform.mask`, or in a run that has written nothing and does not compare what others have, there is
    nothing to do. Raises GateFailed where a table was not transformed, and at the end TransferError naming each target
    that could not be read.
    """
    with run.step("leak_scan"):
        ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
        TRANSFORM_ASKED.record(run.ledger, ready is not None)
        pairs = [pair for pair in run.planned_pairs() if pair.method != Method.SKIP]
        for pair in pairs:
            LEAKS.forget(run.ledger, pair.source)
        filled = EXECUTED.of(run.ledger) or run.config.validate_.without_import
        if ready is None or ready.key is None or not filled:
            return {}
        failures = []
        with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
            tables = [_raw(run, pair, ready) for pair in pairs]
            values, found, sought = gather(tables, Path(folder))
            SOUGHT.record(run.ledger, sought)
            for pair, table in zip(pairs, tables, strict=True):
                key = pair.source_facts.key if pair.source_facts else ()
                spelled = {str(step) for rule in table.mask.rules for step in rule.steps}
                first = FirstHits(values, found, run.secret, key, spelled)
                try:
                    LEAKS.record(run.ledger, pair.source, _scanned(run, pair, first, watch))
                except RunbookError as error:
                    failures.append(f"{pair.source}: {error}")
            if values.words is not None:
                values.words.close()
        if failures:
            raise TransferError("; ".join(failures))
        return LEAKS.all(run.ledger)


def _raw(run: Run, pair: Pair, ready: Ready) -> RawTable:
    fact = TRANSFORMS.of(run.ledger, pair.source)
    recipe = ready.recipe_of(pair.source_facts) if pair.source_facts else None
    mask, export = recipe.mask if recipe else None, fact.raw.completed if fact is not None else None
    if fact is None or export is None or recipe is None or mask is None or fact.status != TransformStatus.COMPLETED:
        raise GateFailed(f"the export of {pair.source} should be transformed and is not yet; run 15_transform first")
    if fact.binding != ready.binding(export.manifest.md5, run.secret):
        raise ResumeRefused(
            f"{pair.source} was transformed by other rules, another hook or another key than now: other raw values "
            "would be looked for than it had, so none was. Put them back as they were, and run 33_leak_scan again"
        )
    key = pair.source_facts.key if pair.source_facts else ()
    windows = tuple(raw_window(run, fact, key) for fact in windows_of(run.ledger, pair.source))
    return RawTable(
        pair.source, run.clients.raw, export.bucket, raw_files(run.ledger, pair.source), mask, pair.target, ready.hook,
        windows, recipe.keeps,
    )  # fmt: skip


def _scanned(run: Run, pair: Pair, first: FirstHits, watch: Watch) -> LeakFact:
    began, clock, counted = format_timestamp(run.now()), time.monotonic(), Counted()
    hits, limit = 0, RateLimit(run.config.validate_.max_rcu)
    segment = Segment(run.clients.target_wire, pair.target, limit)
    for items in _together(scan_items(segment, tuple(each.name for each in first.key))):
        first.sample(items)
        for item, there in look_through_all(first.values, items, counted):
            hits += len(there)
            first.add(item, there)
        watch(pair.source, "scanning the target", counted.items, counted.items)
    _refuse_partial(run, pair, segment, counted)
    watch(pair.source, "done", counted.items, counted.items)
    return LeakFact(
        counted.items, counted.values, counted.decoded, counted.not_decoded, hits, first.shown(), began,
        format_timestamp(run.now()), round(time.monotonic() - clock, 3), counted.cut_short,
    )  # fmt: skip


def _together(items: Iterator[Item]) -> Iterator[list[str]]:
    """Some items at a time, spelled as this tool spells them: what is looked for in them leans on that."""
    while some := [orjson.dumps(item).decode() for item in islice(items, AT_ONCE)]:
        yield some


def _refuse_partial(run: Run, pair: Pair, segment: Segment, counted: Counted) -> None:
    """Raise TransferError where fewer items were looked through than were compared, and they are not gone since."""
    compared = VALIDATIONS.of(run.ledger, pair.source)
    if compared is None or counted.items >= (compared.items_in_target or 0):
        return
    halves = [replace(segment, number=number, of=2) for number in range(2)]
    held = sum(count for half in halves for count in count_segment(half))
    if held > counted.items:
        raise TransferError(
            f"{pair.target}: {counted.items:,} items were looked through for raw values, and the target holds "
            f"{held:,}; a page of its Scan lost some, or somebody writes to it. Run again: --from leak_scan"
        )
