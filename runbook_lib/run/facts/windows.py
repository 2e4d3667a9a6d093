"""The windows of each table: what was asked for, what came, and how far it is applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.masking.windows import RawExport
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger
from runbook_lib.timestamps import elapsed_seconds


class WindowState(StrEnum):
    """How far a window has come. What is APPLYING may be in the target in part; what is APPLIED is whole."""

    ASKED = "asked"
    EXPORTED = "exported"
    READ = "read"
    APPLYING = "applying"
    APPLIED = "applied"


class WindowWarning(StrEnum):
    """What a target had while a window was applied to it, and should rather not have had."""

    TTL_ON = "time to live is on"
    STREAM_ON = "a stream is on"


@dataclass(frozen=True, slots=True)
class WindowFact:
    """One window of one table, counted from 1; times are texts, and None where something has not happened yet.

    `asked` to `applied` are this machine's clock, `behind` the seconds from the window's end to when it could be asked
    for by the source's own. `broken` counts the changes whose old image is not what the last window with the key had
    left; `digests` is the fingerprint of the secret that they were compared under. `uncertain` says that a request of
    it may still arrive: its process was killed, or an answer lost. A `trailing` one was asked for after the cut-over,
    to be looked at; it is never applied. Nor is one `before_go`, which the go is held to; it is trailing, too. `warned`
    is what was to be warned of at the target. `raw` is the window as AWS exported it, where a transform has made
    another of it, which all else is of. `stream` is the stream that its changes were read from, for one that no export
    has made; `records` is how many of those it had. `failed` is why nothing came of its export, until another is asked
    for.
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
    trailing: bool | None = late()
    warned: tuple[WindowWarning, ...] | None = late()
    raw: RawExport | None = late()
    stream: str | None = late()
    records: int | None = late()
    before_go: bool | None = late()
    failed: str | None = late()

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Both ends; the second is left out."""
        return datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)

    @property
    def name(self) -> str:
        at = "go " if self.before_go else ""
        return f"{self.source} {at}{self.number:06}"

    @property
    def lag(self) -> dict[str, float | None]:
        """Seconds from the window's end until it was applied, by what they were spent on."""

        export = None if self.reused else elapsed_seconds(self.asked, self.exported)
        return {"recovery": self.behind, "export": export, "apply": elapsed_seconds(self.exported, self.applied)}


@dataclass(frozen=True, slots=True)
class ShardPosition:
    """How far one shard of a stream was read: up to a sequence number that was written `at` a second, or to its end.

    Without a number nothing was there yet.
    """

    shard: str
    sequence: str | None
    at: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class StreamPositions:
    """How far all shards of a stream were read at the end of a window; they count once the window is applied."""

    stream: str
    shards: tuple[ShardPosition, ...]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """How a table stood when the catch-up ended: what it was accepted that nothing covers, and the lag by then.

    `begins` is the moment of the full export, `gaps` are stretches from and to.
    """

    begins: str
    until: str
    lag_seconds: float | None
    gaps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SecondExport:
    """A full export at the end of the last window, made to be compared with the target; `items` once it is there.

    `raw` is the export as AWS made it, where a transform has made another of it, which all else is of; `quarantined`
    are items of it of which nothing could be made. `failed` is why nothing came of it, until another is asked for.
    """

    moment: str
    token: str
    arn: str | None = None
    bucket: str = ""
    folder: str = ""
    items: int | None = None
    manifest_md5: str = ""
    raw: RawExport | None = late()
    quarantined: int | None = late()
    failed: str | None = late()


@dataclass(frozen=True, slots=True)
class SecondComparison:
    """A second full export that the target was compared with, and how many items were read of it."""

    arn: str | None
    moment: str
    items: int


@dataclass(frozen=True, slots=True)
class OverlayFact:
    """A full export with its windows laid over it: keys of it that were left out, and those that are there after all.

    `items_due` are what should be in the target `as_of` the end of the last window; `broken` changes do not go on from
    what was there before, and `raw_broken` do not by the raw images, where a transform has made others. `second_due` is
    whether catch_up.proof asked for a second full export when this was compared.
    """

    windows: int
    as_of: str | None
    keys: int
    left_out: int
    present: int
    items_due: int
    old_images: bool
    broken: int
    second_export: SecondComparison | None = late()
    raw_broken: int | None = late()
    second_due: bool | None = late()


WINDOWS = Topic("window", WindowFact)
STREAM_POSITIONS = Topic("stream_positions", StreamPositions)  # under the name of a window
CAUGHT_UP = Topic("caught_up", CaughtUp)
SECOND_EXPORTS = Topic("second_export", SecondExport)
SUPERSEDED_EXPORTS = Topic("superseded_export", SecondExport)  # under the table's name and the ARN
UNTIL_LAG = Note("run", "until_lag_minutes", float)


def keep_window(ledger: Ledger, fact: WindowFact) -> WindowFact:
    """Record what is known of a window now."""
    WINDOWS.record(ledger, fact.name, fact)
    return fact


def windows_of(ledger: Ledger, source: str | None = None) -> list[WindowFact]:
    """The windows of a table, or of all, in their order, without those that are never applied."""
    return [fact for fact in _all_windows(ledger, source) if not fact.trailing]


def trailing_windows(ledger: Ledger, source: str | None = None) -> list[WindowFact]:
    """The windows that were asked for after the cut-over, or before its go, to be looked at, in their order."""
    return [fact for fact in _all_windows(ledger, source) if fact.trailing]


def windows_before_go(ledger: Ledger, source: str, after: datetime) -> list[WindowFact]:
    """The windows that a go is held to, of what was written to a table since its last window, which ends at `after`."""
    return [fact for fact in trailing_windows(ledger, source) if fact.before_go and fact.span[0] >= after]


def _all_windows(ledger: Ledger, source: str | None) -> list[WindowFact]:
    facts = WINDOWS.all(ledger).values()
    return sorted((f for f in facts if source in (None, f.source)), key=lambda f: (f.source, f.number))


def applied_until(windows: Iterable[WindowFact]) -> str | None:
    """The end of the last window that is applied whole; None if none is."""
    return max((w.end for w in windows if w.state is WindowState.APPLIED), default=None)
