"""The report of one asking, as JSON and as Markdown: to be shared, so no account, no key, no bucket stands in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook_lib.atomic_files import write_atomically
from runbook_lib.conformance.answer import AsExpected, Deviates, NotAsked, QuestionAnswer, in_words, reason_of
from runbook_lib.conformance.latency import Latency
from runbook_lib.conformance.subject import WhyNot

SCHEMA_VERSION = 1
# What may stand in a message of a server: account numbers, access keys, and whatever the asking itself says is private.
_PRIVATE = (
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "ACCOUNT"),
    (re.compile(r"(?<!\d)\d{4}-\d{4}-\d{4}(?!\d)"), "ACCOUNT"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"), "KEY"),
    (re.compile(r"\b(?:mrk-[0-9a-f]{32}|(?<=key/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"), "KEY"),
)
CUT_SHORT = frozenset({WhyNot.NO_FIXTURE, WhyNot.TIME_IS_UP, WhyNot.COST_IS_UP})
ORDER = ("deviates", "cannot be asked here", "as expected")


@dataclass(frozen=True, slots=True)
class AskingReport:
    """Who was asked, when, and what came of it; `private` are names that must not be told."""

    engine: str
    regions: tuple[str, ...]
    started: float
    finished: float
    answers: Sequence[QuestionAnswer]
    known: dict[str, str]
    durations: dict[str, float]
    latency: dict[str, Latency]
    cost_at_most: float | None
    versions: dict[str, str]
    private: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        found = Counter(kind_of(answer) for answer in self.answers)
        return {kind: found[kind] for kind in ORDER}

    def surprises(self) -> list[QuestionAnswer]:
        """The answers that deviate and are not known to."""
        return [answer for answer in self.answers if answer.deviates and answer.question.id not in self.known]

    def unanswered(self) -> list[QuestionAnswer]:
        """The questions that should have been answered: what they are about was not had, or a limit was reached."""
        return [one for one in self.answers if isinstance(one.outcome, NotAsked) and one.outcome.why in CUT_SHORT]

    def to_json(self) -> dict[str, Any]:
        told = {
            "schema_version": SCHEMA_VERSION,
            "engine": self.engine,
            "regions": list(self.regions),
            "started": _moment(self.started),
            "finished": _moment(self.finished),
            "versions": self.versions,
            "counts": self.counts(),
            "cost_at_most_usd": self.cost_at_most,
            "durations": {name: round(seconds, 3) for name, seconds in sorted(self.durations.items())},
            "latency_ms": {name: asdict(latency) for name, latency in self.latency.items()},
            "answers": [_row(answer, self.known) for answer in self.answers],
        }
        shared: dict[str, Any] = json.loads(without_private(json.dumps(told, ensure_ascii=False), self.private))
        return shared

    def to_markdown(self) -> str:
        told = self.to_json()
        lines = [f"# What {told['engine']} answers", "", _summary(told), ""]
        for kind in ORDER[:2]:
            lines += _table(kind, [row for row in told["answers"] if row["outcome"] == kind])
        lines += _measures(told)
        lines += _table("as expected", [row for row in told["answers"] if row["outcome"] == "as expected"])
        return "\n".join(lines).rstrip() + "\n"


def kind_of(answer: QuestionAnswer) -> str:
    outcome = answer.outcome
    return "deviates" if isinstance(outcome, Deviates) else ORDER[1] if isinstance(outcome, NotAsked) else ORDER[2]


def _row(answer: QuestionAnswer, known: dict[str, str]) -> dict[str, Any]:
    one, outcome = answer.question, answer.outcome
    row = {
        "id": one.id,
        "topic": one.topic.value,
        "asks": one.asks,
        "relied_on": one.relied_on,
        "expected": in_words(one.expected),
        "evidence": one.source.evidence.value,
        "source": one.source.where,
        "outcome": kind_of(answer),
        "seconds": round(answer.seconds, 3),
    }
    if answer.deviates and one.id in known:
        row["known"] = known[one.id]
    if isinstance(outcome, NotAsked):
        return row | {"why_not": outcome.why.name, "detail": reason_of(outcome)}
    if isinstance(outcome, AsExpected) or not outcome.detail:
        return row | {"found": in_words(outcome.found)}
    return row | {"found": None, "detail": outcome.detail}


def without_private(text: str, private: Sequence[str]) -> str:
    for name in sorted(filter(None, private), key=len, reverse=True):
        text = text.replace(name, "PRIVATE")
    for pattern, word in _PRIVATE:
        text = pattern.sub(word, text)
    return text


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _summary(told: dict[str, Any]) -> str:
    counts = told["counts"]
    cost = told["cost_at_most_usd"]
    spent = f" At most {cost:.2f} USD." if cost is not None else ""
    return (
        f"{sum(counts.values())} questions: {counts['as expected']} as expected, {counts['deviates']} deviate, "
        f"{counts[ORDER[1]]} cannot be asked here. Regions {' and '.join(told['regions'])}, "
        f"{told['started']} to {told['finished']}.{spent}"
    )


def _table(kind: str, rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = [f"## {kind[0].upper()}{kind[1:]}", "", "| question | expected | found | source |", "|---|---|---|---|"]
    for row in rows:
        found = row.get("found") if row.get("found") is not None else row.get("detail", "")
        if "known" in row:
            found = f"{found} (on purpose: {row['known']})"
        cells = (f"`{row['id']}` {row['asks']}", row["expected"], found, f"{row['evidence']}: {row['source']}")
        lines.append("| " + " | ".join(_cell(str(cell)) for cell in cells) + " |")
    return [*lines, ""]


def _cell(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return flat if len(flat) <= 300 else flat[:297] + "..."


def _measures(told: dict[str, Any]) -> list[str]:
    lines = ["## Measured", "", "| what | |", "|---|--:|"]
    lines += [f"| {_cell(name)} | {value:.3f} |" for name, value in told["durations"].items()]
    for name, ranks in told["latency_ms"].items():
        shown = ", ".join(
            f"{rank.replace('_', '.')} {ranks[rank]:.2f}" if ranks[rank] is not None else f"{rank.replace('_', '.')} –"
            for rank in ("p50", "p90", "p99", "p99_9")
        )
        lines.append(f"| {name}, milliseconds of {ranks['count']} requests | {shown} |")
    return [*lines, ""] if len(lines) > 4 else []


def write_report(report: AskingReport, folder: Path) -> Path:
    """Write conformance.json and conformance.md; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    body = json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "conformance.json", body)
    write_atomically(folder / "conformance.md", report.to_markdown())
    return folder / "conformance.md"
