"""The windows of each table: what was asked for, what came, and how far it is applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from runbook_lib.run.ledger import Ledger

TOPIC, SECOND_EXPORT, CAUGHT_UP = "window", "second_export", "caught_up"


class WindowState(StrEnum):
    """How far a window has come. What is APPLYING may be in the target in part; what is APPLIED is whole."""

    ASKED = "asked"
    EXPORTED = "exported"
    READ = "read"
    APPLYING = "applying"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True)
class WindowFact:
    """One window of one table, counted from 1; times are texts, and None where something has not happened yet.

    `asked` to `applied` are this machine's clock, `behind` the seconds from the window's end to when it could be asked
    for by the source's own. `broken` counts the changes whose old image is not what the last window with the key had
    left; `digests` is the fingerprint of the secret that they were compared under. `uncertain` says that a request of
    it may still arrive: its process was killed, or an answer lost.
    """

    source: str
    number: int
    start: str
    end: str
    view: str
    state: WindowState = WindowState.ASKED
    reused: bool = False
    token: str | None = None
    arn: str | None = None
    bucket: str = ""
    folder: str = ""
    manifest_md5: str = ""
    digests: str = ""
    changes: int | None = None
    puts: int | None = None
    deletes: int | None = None
    acknowledged: int | None = None
    quarantined: int | None = None
    broken: int | None = None
    uncertain: bool = False
    written_again: int = 0
    behind: float | None = None
    asked: str | None = None
    exported: str | None = None
    began: str | None = None
    applied: str | None = None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Both ends; the second is left out."""
        return datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)

    @property
    def name(self) -> str:
        return f"{self.source} {self.number:06}"

    @property
    def lag(self) -> dict[str, float | None]:
        """Seconds from the window's end until it was applied, by what they were spent on."""

        def between(first: str | None, last: str | None) -> float | None:
            if first is None or last is None:
                return None
            return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()

        export = None if self.reused else between(self.asked, self.exported)
        return {"recovery": self.behind, "export": export, "apply": between(self.exported, self.applied)}


def keep_window(ledger: Ledger, fact: WindowFact) -> WindowFact:
    """Record what is known of a window now."""
    ledger.put(TOPIC, fact.name, asdict(fact))
    return fact


def windows_of(ledger: Ledger, source: str | None = None) -> list[WindowFact]:
    """The windows of a table, or of all, in their order."""
    facts = (WindowFact(**{**known, "state": WindowState(known["state"])}) for known in ledger.all(TOPIC).values())
    return sorted((f for f in facts if source in (None, f.source)), key=lambda f: (f.source, f.number))


def applied_until(windows: Iterable[WindowFact]) -> str | None:
    """The end of the last window that is applied whole; None if none is."""
    return max((w.end for w in windows if w.state is WindowState.APPLIED), default=None)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """How a table stood when the catch-up ended: what it was accepted that nothing covers, and the lag by then.

    `begins` is the moment of the full export, `wait` the seconds until a window could be asked for again.
    """

    begins: str
    until: str
    lag_seconds: float | None
    gaps: list[tuple[str, str]]

    @classmethod
    def of(cls, ledger: Ledger, source: str) -> CaughtUp | None:
        known: dict[str, Any] | None = ledger.get(CAUGHT_UP, source)
        return cls(**known | {"gaps": [tuple(gap) for gap in known["gaps"]]}) if known else None

    def keep(self, ledger: Ledger, source: str) -> None:
        ledger.put(CAUGHT_UP, source, asdict(self))


@dataclass(frozen=True, slots=True)
class SecondExport:
    """A full export at the end of the last window, made to be compared with the target; `manifest` once it is there."""

    moment: str
    token: str
    arn: str | None = None
    bucket: str = ""
    folder: str = ""
    items: int | None = None
    manifest_md5: str = ""

    @classmethod
    def of(cls, ledger: Ledger, source: str) -> SecondExport | None:
        known = ledger.get(SECOND_EXPORT, source)
        return cls(**known) if known else None

    def keep(self, ledger: Ledger, source: str) -> SecondExport:
        ledger.put(SECOND_EXPORT, source, asdict(self))
        return self
