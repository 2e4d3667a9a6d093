"""Forms for a person in JupyterLab; nothing here is needed to run the notebooks, and headless none is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import TypeAlias

import ipywidgets

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.cutover.moments import moment_of
from runbook_lib.errors import ConfigError
from runbook_lib.notebook.tables import ShownTable
from runbook_lib.notebook.views import differences_shown
from runbook_lib.plan.naming import choose_tables, is_among
from runbook_lib.report.text import pluralize, spell_difference
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.admission.sitting import to_go_on
from runbook_lib.run.facts.cut_over.gates import CUT_OVER_ASKED, CutOverAsked
from runbook_lib.run.run import Run
from runbook_lib.run.sealed.other_run import earlier_exports
from runbook_lib.run.tables.comparison import DifferenceRow, differences

Form: TypeAlias = ipywidgets.Widget
ANY = "all"
SHOWN_ROWS = 200
MOST_LINES = 12


def tables_form(run: Run) -> ipywidgets.Widget:
    """Choose the tables of a new run, in place of the parameter `tables`; those of a planned run are only shown."""
    if planned := run.pairs():
        names = ", ".join(f"<code>{escape(pair.source)}</code>" for pair in planned)
        return ipywidgets.HTML(
            f"The tables of run {escape(run.id)} were chosen at its first pre-flight: {names}. "
            "For others set another <code>run_id</code>."
        )
    existing = set(list_tables(run.clients.source)) | set(earlier_exports(run.config, run.clients))
    return _choice(run, sorted(choose_tables(run.config, existing, at=run.clients.source_identity.spelled)[0]))


def _choice(run: Run, names: list[str]) -> ipywidgets.Widget:
    """The globs as text and the tables they mean as a list; a change of one changes the other."""
    typed = ipywidgets.Text(description="tables", layout={"width": "40em"})
    listed = ipywidgets.SelectMultiple(options=names, rows=min(len(names), MOST_LINES), layout={"width": "40em"})
    answer = ipywidgets.HTML()

    def chosen() -> tuple[str, ...]:
        return tuple(name for name in names if is_among(name, run.only))

    def choose(globs: str) -> None:
        run.only = typed.value = globs
        listed.value = chosen()
        answer.value = (
            f"{len(listed.value):,} of {pluralize(len(names), 'table')}; "
            f"headless the same is <code>tables: {escape(json.dumps(globs))}</code>"
        )

    def pick(_: object) -> None:
        if listed.value != chosen():
            choose(",".join(listed.value) if len(listed.value) < len(names) else "*")

    choose(run.only)
    typed.observe(lambda _: choose(typed.value), names="value")
    listed.observe(pick, names="value")
    return ipywidgets.VBox([typed, listed, answer])


def confirmation_form(run: Run, step: str) -> ipywidgets.Widget:
    """Ask for the target to be typed, in place of `confirm_target` in the file; for this run only.

    Where the notebook of the step writes nothing there is nothing to confirm, and it says so.
    """
    if step == "validate" and not run.config.validate_.canary:
        return ipywidgets.HTML("Nothing to confirm: <code>validate.canary</code> is off, so this notebook only reads.")
    if not run.pairs():
        meant = to_go_on(run.id, run.sitting)
        else_new = f"{meant}; for a new run, begin with 00_preflight" if meant else "run 00_preflight first"
        return ipywidgets.HTML(escape(f"Nothing to confirm yet: run {run.id} has no plan; {else_new}."))
    if not run.execute:
        return ipywidgets.HTML(
            "Nothing to confirm: <code>execute</code> is False, so nothing is changed. To change that, set "
            "<code>execute = True</code> under Parameters and run all cells again; then enter the target here."
        )
    typed = ipywidgets.Text(placeholder="ACCOUNT/REGION", description="target", value=run.confirmation)
    answer = ipywidgets.HTML()

    def check(_: object = None) -> None:
        run.confirmed = typed.value.strip()
        try:
            check_confirmation(run.confirmation, run.clients)
        except ConfigError:
            answer.value = (
                "this is not the target of this run" if typed.value.strip() else "enter the target as ACCOUNT/REGION"
            )
        else:
            answer.value = "confirmed: this is the target; go on with the cell below"

    typed.observe(check, names="value")
    check()
    return ipywidgets.VBox([typed, answer])


def cut_over_form(run: Run) -> ipywidgets.Widget:
    """Ask when the writers were stopped, and for the run's id; for this run only."""
    moment = ipywidgets.Text(placeholder="2026-01-14T10:20:00Z", description="stopped at")
    typed, answer = ipywidgets.Text(placeholder="RUN_ID", description="run id"), ipywidgets.HTML()

    def check(_: object = None) -> None:
        try:
            at = moment_of(moment.value.strip()) if moment.value.strip() else None
        except ConfigError as error:
            answer.value = escape(str(error))
            return
        confirmed = typed.value.strip() == run.id
        answer.value = "confirmed: the next cell cuts over" if confirmed else "not confirmed: a forecast only"
        CUT_OVER_ASKED.record(run.ledger, CutOverAsked(at.isoformat() if at else "", confirmed))

    for widget in (moment, typed):
        widget.observe(check, names="value")
    return ipywidgets.VBox([moment, typed, answer])


def differences_form(run: Run) -> ipywidgets.Widget:
    """The listed differences, to be narrowed down by table, by kind, and by a piece of a key or a path."""
    rows = list(differences(run.ledger))
    table = _menu("table", [row.source for row in rows])
    kind = _menu("kind", [row.kind for row in rows])
    piece = ipywidgets.Text(description="contains", placeholder="key, key hash or path")
    found = ipywidgets.HTML()

    def show(_: object = None) -> None:
        wanted = [
            row
            for row in rows
            if table.value in (ANY, row.source)
            and kind.value in (ANY, row.kind)
            and piece.value.strip() in " ".join(spell_difference(row))
        ]
        found.value = _as_html(wanted, len(rows))

    _each_time(show, table, kind, piece)
    return ipywidgets.VBox([ipywidgets.HBox([table, kind, piece]), found])


def _menu(name: str, values: list[str]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(description=name, options=[ANY, *sorted(set(values))])


def _each_time(act: Callable[..., None], *widgets: ipywidgets.Widget) -> None:
    """Act now and whenever the value of a widget changes."""
    for widget in widgets:
        widget.observe(act, names="value")
    act()


def _as_html(rows: list[DifferenceRow], of: int) -> str:
    more = f"; the first {SHOWN_ROWS} are shown" if len(rows) > SHOWN_ROWS else ""
    said = f"{len(rows):,} of {pluralize(of, 'listed difference')}{more}"
    return f"<div style='line-height:1.3'>{said}{differences_shown(rows[:SHOWN_ROWS])._repr_html_()}</div>"


def outcome_form(table: ShownTable) -> ipywidgets.Widget:
    """The rows of a table, to be narrowed down to those with one outcome."""
    outcomes = table.outcomes()  # all rows stand in the table itself: here what went wrong comes first
    if len(outcomes) == 1:  # nothing to narrow down: the table is not shown twice
        return ipywidgets.HTML(f"{pluralize(len(table.rows), 'row')}, all {escape(outcomes[0])}")
    first = outcomes[0] if outcomes else ANY
    picked = ipywidgets.Dropdown(description="outcome", options=[ANY, *outcomes], value=first)
    found = ipywidgets.HTML()

    def show(_: object = None) -> None:
        shown = table if picked.value == ANY else table.only(picked.value)
        said = f"{len(shown.rows):,} of {pluralize(len(table.rows), 'row')}"
        found.value = f"<div style='line-height:1.3'>{said}{shown._repr_html_()}</div>"

    _each_time(show, picked)
    return ipywidgets.VBox([picked, found])
