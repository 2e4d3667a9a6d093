"""All that a report says, made once of the record: HTML, Markdown and notebooks show it, each in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from runbook_lib.record.anchor import anchor_in_words
from runbook_lib.record.model.run import QuarantineRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.record.signature import signer_in_words
from runbook_lib.report.figures.cut_over import CUT_OVER_COLUMNS, cut_over_lines, cut_over_rows
from runbook_lib.report.figures.run_figures import RunFigures, figures_of
from runbook_lib.report.figures.size_classes import SizeClass, size_classes
from runbook_lib.report.figures.timings import TableSeconds, slowest
from runbook_lib.report.figures.windows import WindowSection, window_section
from runbook_lib.report.sections.around.compared import SurroundingsSection, surroundings_section
from runbook_lib.report.sections.around.drifted import DriftSection, drift_section
from runbook_lib.report.sections.around.named import ReferencesSection, references_section
from runbook_lib.report.sections.check_rows import CheckRow, check_count, check_rows
from runbook_lib.report.sections.checklist import CallSummary, ChecklistAnswer, calls, checklist
from runbook_lib.report.sections.cost_rows import CostRow, advice, cost_rows, dry_run_summary, prices, stages
from runbook_lib.report.sections.environment import environment_rows
from runbook_lib.report.sections.findings import attention, not_migrated, nothing_written
from runbook_lib.report.sections.first_screen.not_checked import how_to_accept, unknown_lines
from runbook_lib.report.sections.first_screen.sign_off import SignOff, sign_off
from runbook_lib.report.sections.first_screen.standing import NextStep, next_step, not_aws, passed_of, since_then
from runbook_lib.report.sections.first_screen.summary import actor, headline, place, sentence, verdicts, why
from runbook_lib.report.sections.masking.sentences import (
    MASKED_COLUMNS,
    RULE_COLUMNS,
    masked_rows,
    masking_sentences,
    rule_rows,
)
from runbook_lib.report.sections.reconciliation import (
    FoldedRows,
    ReconciliationRow,
    folded,
    own_witness,
    quarantine_rows,
    reconciliation_rows,
    total_rows,
)
from runbook_lib.report.sections.repairs import repair_sentences
from runbook_lib.report.sections.schema_findings import (
    CanaryRow,
    IndexRow,
    ParityRow,
    canaries,
    index_rows,
    index_summary,
    notable_indexes,
    parity_rows,
    parity_summary,
)
from runbook_lib.report.sections.undo_notes import undo_notes

SIDES = ("source", "target")


@dataclass(frozen=True)
class ReportModel:
    """The sections of a report. Each is computed when it is first asked for, and once."""

    record: RunRecord

    @cached_property
    def figures(self) -> RunFigures:
        return figures_of(self.record)

    @property
    def verdict(self) -> str:
        return self.record.verdict

    @cached_property
    def headline(self) -> str:
        return headline(self.figures)

    @cached_property
    def not_aws(self) -> str | None:
        return not_aws(self.record)

    @cached_property
    def since_then(self) -> str | None:
        return since_then(self.figures)

    @cached_property
    def next_step(self) -> NextStep | None:
        return next_step(self.figures)

    @cached_property
    def passed_of(self) -> str | None:
        return passed_of(self.figures)

    @cached_property
    def sentence(self) -> str:
        return sentence(self.figures)

    @cached_property
    def verdicts(self) -> str:
        return verdicts(self.figures)

    @cached_property
    def why(self) -> list[str]:
        return why(self.figures)

    @cached_property
    def places(self) -> dict[str, str]:
        return {side: place(self.record, side) for side in SIDES}

    @cached_property
    def actors(self) -> dict[str, str]:
        return {side: actor(self.record, side) for side in SIDES}

    @property
    def tables(self) -> list[TableRecord]:
        return self.figures.tables

    @cached_property
    def rows(self) -> list[ReconciliationRow]:
        return reconciliation_rows(self.figures)

    @cached_property
    def folded_rows(self) -> FoldedRows:
        return folded(self.rows)

    @cached_property
    def sums(self) -> list[tuple[str, str]]:
        return total_rows(self.figures, self.verdicts)

    @property
    def compared_only(self) -> bool:
        return any(table.compared_only for table in self.tables)

    @cached_property
    def own_witness(self) -> str:
        return own_witness(self.figures)

    @cached_property
    def drift(self) -> DriftSection:
        return drift_section(self.tables)

    @cached_property
    def windows(self) -> WindowSection:
        return window_section(self.record)

    @cached_property
    def masking(self) -> list[str]:
        return masking_sentences(self.record)

    @property
    def masked_columns(self) -> tuple[str, ...]:
        return MASKED_COLUMNS

    @cached_property
    def masked(self) -> list[list[str]]:
        return masked_rows(self.record)

    @property
    def mask_rule_columns(self) -> tuple[str, ...]:
        return RULE_COLUMNS

    @cached_property
    def mask_rules(self) -> list[list[str]]:
        return rule_rows(self.record)

    @cached_property
    def repairs(self) -> list[str]:
        return repair_sentences(self.record)

    @cached_property
    def references(self) -> ReferencesSection:
        return references_section(self.record.references)

    @cached_property
    def surroundings(self) -> SurroundingsSection:
        return surroundings_section(self.record)

    @cached_property
    def cut_over(self) -> list[list[str]]:
        return cut_over_rows(self.record)

    @property
    def cut_over_columns(self) -> tuple[str, ...]:
        return CUT_OVER_COLUMNS

    @cached_property
    def cut_over_lines(self) -> list[str]:
        return cut_over_lines(self.record)

    @cached_property
    def quarantine(self) -> list[QuarantineRecord]:
        return quarantine_rows(self.figures)

    @cached_property
    def left_out(self) -> list[tuple[str, str]]:
        return not_migrated(self.figures)

    @cached_property
    def nothing_written(self) -> str | None:
        return nothing_written(self.figures)

    @cached_property
    def sign_off(self) -> SignOff:
        return sign_off(self.figures)

    @cached_property
    def unknown(self) -> list[str]:
        return unknown_lines(self.figures)

    @cached_property
    def how_to_accept(self) -> str | None:
        return how_to_accept(self.figures)

    @cached_property
    def attention(self) -> list[str]:
        return attention(self.figures)

    @cached_property
    def undo(self) -> list[str]:
        return undo_notes(self.figures)

    @cached_property
    def classes(self) -> list[SizeClass]:
        return size_classes(list(self.figures.timed.values()))

    @cached_property
    def slowest(self) -> list[TableSeconds]:
        return slowest(list(self.figures.timed.values()))

    @cached_property
    def answers(self) -> list[ChecklistAnswer]:
        return checklist(self.figures)

    @cached_property
    def calls(self) -> list[CallSummary]:
        return calls(self.figures)

    @cached_property
    def checks(self) -> list[CheckRow]:
        return check_rows(self.figures)

    @cached_property
    def check_count(self) -> str:
        return check_count(self.figures)

    @cached_property
    def parity_summary(self) -> list[str]:
        return parity_summary(self.figures)

    @cached_property
    def parity_rows(self) -> list[ParityRow]:
        return parity_rows(self.figures)

    @cached_property
    def index_summary(self) -> str:
        return index_summary(self.figures)

    @cached_property
    def notable_indexes(self) -> list[IndexRow]:
        return notable_indexes(index_rows(self.figures))

    @cached_property
    def canaries(self) -> list[CanaryRow]:
        return canaries(self.figures)

    @cached_property
    def bill(self) -> list[CostRow]:
        return cost_rows(self.figures)

    @cached_property
    def stages(self) -> list[str]:
        return stages(self.figures)

    @property
    def prices(self) -> str:
        return prices(self.figures)

    @cached_property
    def would(self) -> list[str]:
        return dry_run_summary(self.figures)

    @cached_property
    def advice(self) -> list[str]:
        return advice(self.figures)

    @cached_property
    def environment(self) -> list[tuple[str, str]]:
        return environment_rows(self.record)

    @cached_property
    def signer(self) -> str | None:
        return signer_in_words(self.record)

    @cached_property
    def anchor(self) -> str | None:
        return anchor_in_words(self.record)
