"""The one door to IPython: what is shown at once, and what is shown in one place again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from html import escape
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import HTML, display

from runbook_lib.report.render.escape_markdown import visible

# Words on a colour of their own read well on the light and the dark page of JupyterLab alike.
GOOD, BAD, OPEN, PLAIN = "#14532d", "#8b1010", "#7a4b00", "#374151"
WORDS = {
    **dict.fromkeys(
        (
            "PASS", "ok", "same", "completed", "COMPLETED", "created", "done", "imported", "equal",
            "applied", "passed", "repaired", "cleaned up",
        ),
        GOOD,
    ),
    **dict.fromkeys(
        ("FAIL", "blocker", "blocks", "failed", "FAILED", "different", "missing", "extra", "no target", "kept"), BAD
    ),
    **dict.fromkeys(
        (
            "not reached", "nothing to ask", "not chosen", "not migrated", "not begun", "waiting", "to be created",
        ),
        PLAIN,
    ),
}  # fmt: skip

# The ways of a shell to show an error, which a startup file may have replaced.
OWN_DISPLAYS = ("showtraceback", "_showtraceback", "showsyntaxerror", "get_exception_only")


def is_watched() -> bool:
    """Whether a person may be watching; headless runs (RUNBOOK_HEADLESS) draw only what stays."""
    return os.environ.get("RUNBOOK_HEADLESS") != "1"


def colour_of(word: str) -> str:
    """The colour of a verdict, a state (`failed`, or with a fault, `failed, NOT_READY`) or an outcome; else open."""
    return WORDS.get(word.partition(", ")[0], OPEN)


def chip(word: str, colour: str | None = None) -> str:
    """A word on its colour."""
    style = f"background-color:{colour or colour_of(word)};color:#ffffff;font-weight:bold;padding:1px 7px"
    return f"<span style='{style}'>{escape(word)}</span>"


class Line(str):
    """One sentence of a gate: green where it goes on, red with the remedy where it stops."""

    __slots__ = ("colour", "remedy", "word")
    word: str
    colour: str
    remedy: str

    def __new__(cls, word: str, text: str, colour: str, remedy: str = "") -> Line:
        line = super().__new__(cls, word + text)
        line.word, line.colour, line.remedy = word, colour, remedy
        return line

    def _repr_html_(self) -> str:
        remedy = f"<div style='margin-top:4px'><b>What to do:</b> {escape(self.remedy)}</div>" if self.remedy else ""
        text = visible(self.removeprefix(self.word).lstrip(": "))
        return (
            f"<div style='border-left:8px solid {self.colour};padding:6px 10px;text-align:left'>"
            f"{chip(self.word, self.colour)} {escape(text)}{remedy}</div>"
        )


def show(what: object) -> None:
    """Show something below the cell that runs; nothing outside of IPython."""
    if get_ipython() is not None:
        display(what)  # type: ignore[no-untyped-call]


class Place:
    """One output that is drawn anew where it stands."""

    def __init__(self) -> None:
        self._handle: Any = None

    def clear(self) -> None:
        """Leave nothing there, if anything was drawn."""
        if self._handle is not None:
            self.draw("")

    def draw(self, html: str) -> None:
        """Show this in place of what was there."""
        content = HTML(html)  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = display(content, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content)


def at_end_of_cell(act: Callable[[], None]) -> None:
    """Call once when the cell that runs has ended, in whatever way; nothing outside of IPython."""
    shell = get_ipython()
    if shell is None:
        return

    def end(_: object) -> None:
        shell.events.unregister("post_run_cell", end)
        act()

    shell.events.register("post_run_cell", end)


def hide_values() -> None:
    """Show errors in this kernel with their lines and without what variables held; nothing outside of IPython.

    A notebook is stored with its errors, and variables hold items. A user's profile or startup file may have chosen
    the verbose mode, a handler, a display or a debugger that shows them.
    """
    shell = get_ipython()
    if shell is None:
        return
    for name in OWN_DISPLAYS:
        vars(shell).pop(name, None)  # what was put in place of the class's own
    shell.xmode = "Context"
    shell.call_pdb = False
    shell.init_traceback_handlers(((), None))
