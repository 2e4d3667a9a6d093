"""The page of a campaign: every run with how it stands, beside the runs' folders; made anew from these each time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runbook_lib.atomic_files import write_atomically
from runbook_lib.campaign.budget import cost_of
from runbook_lib.campaign.standing import RunStanding, Standing
from runbook_lib.config.campaign import Campaign
from runbook_lib.paths import reports_root
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.render.html import environment

TONES = {
    Standing.PASS: "good",
    Standing.FAIL: "bad",
    Standing.BROKEN: "bad",
    Standing.UNDONE: "bad",
    Standing.REFUSED: "bad",
    Standing.DRY_RUN: "dry",
    Standing.INTERRUPTED: "cut",
}


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A run in the page."""

    wave: str
    found: RunStanding
    link: str | None
    items: Any
    differences: Any
    usd: float | None

    @property
    def tone(self) -> str:
        return TONES.get(self.found.standing, "open")


def page_of(campaign: Campaign) -> Path:
    """Where the page of a campaign lies."""
    return reports_root() / f"campaign-{campaign.name}.html"


def write_page(campaign: Campaign, found: list[RunStanding]) -> None:
    """Write the page, and the same as JSON beside it."""
    waves = [wave.name for wave in campaign.waves for _ in wave.runs]
    rows = [_row(wave, each) for wave, each in zip(waves, found, strict=True)]
    done = sum(each.standing is Standing.PASS for each in found)
    page = page_of(campaign)
    page.parent.mkdir(parents=True, exist_ok=True)
    costs = [row.usd for row in rows if row.usd is not None]
    text = (
        environment()
        .get_template("campaign.html.j2")
        .render(campaign=campaign, rows=rows, done=done, usd=sum(costs) if costs else None)
    )
    write_atomically(page, text)
    known = {"name": campaign.name, "max_cost_usd": campaign.limits.max_cost_usd, "runs": [_facts(row) for row in rows]}
    write_atomically(page.with_suffix(".json"), json.dumps(known, indent=2) + "\n")


def _row(wave: str, found: RunStanding) -> CampaignRow:
    figures = figures_of(found.record) if found.record else None
    report = found.folder / "report.html"
    return CampaignRow(
        wave,
        found,
        f"{quote(found.folder.name)}/report.html" if report.is_file() else None,
        figures.sums["items_in_target"] if figures else None,
        figures.differences if figures else None,
        cost_of(found.record) if found.record else None,
    )


def _facts(row: CampaignRow) -> dict[str, Any]:
    found = row.found
    known: dict[str, Any] = {"wave": row.wave, "id": found.run.id, "run_id": found.run_id}
    return known | {"standing": found.standing.value, "after": found.run.after, "why": found.why, "usd": row.usd}
