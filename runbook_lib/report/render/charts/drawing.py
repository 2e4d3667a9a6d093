"""What all charts share: style, axes, names that fit, and a file that is the same each time.

Legible in black and white: line styles and markers, light and dark, and numbers written beside the marks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# Okabe and Ito's palette, darkest first: told apart by colour-blind readers and by their greys.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#888888")
MARKERS = ("o", "s", "^", "D", "v", "P", "x")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (8, 3)))
# Middle, dark and light: told apart in grey too. No hatches: printed to PDF they are bitmaps of megabytes.
STEP_LOOKS = {"export": ("#56B4E9", "s"), "import": ("#9A3B00", "o"), "validate": ("#F0E442", "^")}
# Text as paths needs no font on the reader's side; a fixed salt makes ids, and so the file, repeatable.
STYLE: Any = {
    "svg.fonttype": "path", "svg.hashsalt": "runbook", "text.parse_math": False, "font.family": "DejaVu Sans",
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip
LEGEND: Any = {"fontsize": 8, "frameon": False, "loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
Drawn = tuple[Figure, str]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart; `alt` is its message, a full sentence with the numbers."""

    name: str
    path: Path
    title: str
    alt: str


def svg(figure: Figure) -> str:
    """The figure as a file that is the same for the same data; `savefig` would draw everything twice for it."""
    out = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def png(figure: Figure, dots_per_inch: int) -> bytes:
    """The figure as a picture on white."""
    figure.set_dpi(dots_per_inch)
    figure.set_facecolor("white")
    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(out, metadata={"Software": None})
    return out.getvalue()


def axes_of(height: float) -> tuple[Figure, Axes]:
    """A figure as wide as a page."""
    figure = Figure(figsize=(9.6, max(height, 1.8)), layout="constrained")
    return figure, figure.add_subplot()


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes; numbers have thousands separators."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    thousands = FuncFormatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_major_formatter(thousands)
    if y:
        axes.yaxis.set_major_formatter(thousands)


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Short names for the axes: without the beginning all share, in characters every font has, still unique."""
    shared = _beginning(names)
    short: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        text = name.removeprefix(shared).encode("ascii", "replace").decode()
        text = "".join(c if c.isprintable() else "?" for c in text)
        text = text if len(text) <= 34 else f"{text[:20]}...{text[-11:]}"
        short[name] = text if text not in short.values() else f"{text} ({number})"
    return short


def _beginning(names: Sequence[str]) -> str:
    """What all names begin with, up to its last separator."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: max(first[:same].rfind(c) for c in "-_.") + 1]
