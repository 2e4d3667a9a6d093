"""Whether the rules of a mask fit each table that was chosen: what contradicts is told before anything is exported."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.config.check_ids import CheckId
from runbook_lib.masking.mask_key import LEAST_BYTES, MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.rules import RulesByTable
from runbook_lib.plan.check import BLOCKER, Check
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.checks.context import CheckContext

NO_KEY = MaskKey(bytes(LEAST_BYTES))  # with which nothing is masked


def of_rules(context: CheckContext) -> Iterator[Check]:
    """Globs that both match a table may say two things of one path; a rule for all may drop the key of one."""
    transform = context.config.transform
    if transform is None or transform.mask is None:
        return
    rules = RulesByTable(transform.mask.as_rules)
    for pair in (each for each in context.pairs if each.method != Method.SKIP):
        keys = [key.name for key in pair.source_facts.key] if pair.source_facts else []
        try:
            TableMask(NO_KEY, rules.of(pair.source), pair.source).refuse_lost_keys(keys)
        except ValueError as error:
            yield Check(
                CheckId.SELECTION, pair.source, BLOCKER, "rules of transform.mask that fit the table and each other",
                str(error), "correct this in the file", configuration=True, source=pair.source,
            )  # fmt: skip
