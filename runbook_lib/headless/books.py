"""Which notebook does which step of a run."""

from __future__ import annotations

FILES = {
    "preflight": "00_preflight.ipynb",
    "export": "10_export.ipynb",
    "transform": "15_transform.ipynb",
    "import": "20_import.ipynb",
    "validate": "30_validate.ipynb",
    "leak_scan": "33_leak_scan.ipynb",
    "repair": "35_repair.ipynb",
    "catch_up": "40_catch_up.ipynb",
    "cut_over": "50_cut_over.ipynb",
    "surroundings": "60_surroundings.ipynb",
    "report": "90_report.ipynb",
}
