"""The step of a run that looks at what stands around its tables: templates, a handbook, and both regions compared.

It reads only. Nothing is deployed, and no message, event or log line is read; what is written is in the run's folder.
"""

from __future__ import annotations

import hashlib

from runbook_lib.atomic_files import encoded, write_atomically
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.estate.resource import STACKS, Unexpressed
from runbook_lib.iac.surroundings.of_config import as_yaml, template_of
from runbook_lib.run.facts.around.surroundings import SURROUNDINGS_FOUND, SurroundingsFact
from runbook_lib.run.run import Run
from runbook_lib.run.steps import SURROUNDINGS
from runbook_lib.surroundings.both_sides import BothSides, compare_sides
from runbook_lib.surroundings.handbook import handbook_text
from runbook_lib.timestamps import format_timestamp

HANDBOOK = "handbook.md"
TEMPLATES = {stack: f"surroundings/{stack}.yaml" for stack in STACKS}


def compare_surroundings(run: Run) -> SurroundingsFact:
    """Compare what stands around the run's tables in both regions, and write its templates and the handbook.

    A refused call makes what it would have shown "not checked". Changes nothing in AWS; the files are in the run's
    folder. Raises ConfigError for names that cannot be in the target.
    """
    with run.step(SURROUNDINGS):
        tables = {pair.source: pair.target for pair in run.planned_pairs()}
        both = compare_sides(run.config, run.clients, tables, now := run.now())
        at = format_timestamp(now)
        texts, unwritten = _templates(run.config, both)
        texts[HANDBOOK] = handbook_text(run.config, run.clients, tables, both, at)
        digests = {name: hashlib.sha256(encoded(text)).hexdigest() for name, text in texts.items()}
        fact = SurroundingsFact(both.rows, (*unwritten, *both.unexpressed), both.not_read, digests, at)
        SURROUNDINGS_FOUND.forget(run.ledger)  # it never vouches for other files than those that are there
        _put(run, texts)
        SURROUNDINGS_FOUND.record(run.ledger, fact)
        return fact


def _templates(config: Migration, both: BothSides) -> tuple[dict[str, str], list[Unexpressed]]:
    """The template of each stack that has anything, and why one cannot be written."""
    texts, unwritten = {}, []
    for stack, name in TEMPLATES.items():
        if any(resource.kind.stack == stack for resource in both.rewritten.resources):
            try:
                texts[name] = as_yaml(template_of(config, both.rewritten, stack))
            except ConfigError as error:
                unwritten.append(Unexpressed(f"the whole template {stack}", str(error)))
    return texts, unwritten


def _put(run: Run, texts: dict[str, str]) -> None:
    """Write the files, and remove those of an earlier look that this one has not made."""
    for name in (*TEMPLATES.values(), HANDBOOK):
        file = run.folder / name
        if name in texts:
            file.parent.mkdir(exist_ok=True)
            write_atomically(file, texts[name])
        else:
            file.unlink(missing_ok=True)
    folder = run.folder / "surroundings"
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
