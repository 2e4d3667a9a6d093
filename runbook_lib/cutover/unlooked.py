"""What a cut-over has not looked at since its go: whether it still can, before a cleanup takes what it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.catchup.ask import complete_until
from runbook_lib.errors import ConfigError, ExportError, GateFailed
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.cut_over.gates import QUIET_AFTERWARDS, went
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.windows import trailing_windows, windows_of
from runbook_lib.run.run import Run


@dataclass(frozen=True, slots=True)
class Unlooked:
    """The sources that no look since the go at `moment` has come to; `hopeless` says of which none can be any more.

    A look is made table by table: a source that has lost what was written to it keeps no other one unlooked at.
    """

    moment: str | None
    sources: tuple[str, ...]
    hopeless: dict[str, str]

    def told(self, source: str) -> str:
        """What a cleanup says of a source that goes unlooked at for good; empty where there is nothing to say."""
        if source not in self.hopeless:
            return ""
        why = self.hopeless[source]
        return f". Nobody has looked at what was written to {source} since, and nobody can any more: {why}"

    def refuse(self) -> None:
        """Raise GateFailed as long as a cut-over can still look at what was written to its sources since."""
        if left := [source for source in self.sources if source not in self.hopeless]:
            raise GateFailed(
                f"the run was cut over at {self.moment}, and what was written to {', '.join(left)} since "
                "should be looked at before anything goes: afterwards nobody can tell any more. Run runbook cut-over "
                "with the same run id and --confirm, then the cleanup again"
            )


def unlooked(run: Run) -> Unlooked:
    """What is left to be looked at; tables that were read by Scan are left out of it."""
    moment, looked = went(run.ledger), QUIET_AFTERWARDS.all(run.ledger)
    pairs = [pair for pair in run.planned_pairs() if pair.method not in (Method.SKIP, Method.SCAN)]
    left = [pair for pair in pairs if pair.source not in looked] if moment else []
    lost = {pair.source: why for pair in left if (why := _lost(run, pair))}
    return Unlooked(moment, tuple(pair.source for pair in left), lost)


def _lost(run: Run, pair: Pair) -> str | None:
    """Why what was written to a source since cannot be had any more; None where it can, or where nobody says.

    It is asked twice: on one wrong answer a cleanup would be done for good.
    """
    return _lost_now(run, pair) and _lost_now(run, pair)


def _lost_now(run: Run, pair: Pair) -> str | None:
    known, read = trailing_windows(run.ledger, pair.source), QUIET_AFTERWARDS.of(run.ledger, pair.source)
    after = [window for window in known if not window.before_go]
    try:
        if after and (read is None or read.end < after[-1].end):  # asked for, and not read
            if after[-1].arn is None or describe_table(run.clients.source, pair.source) is None:
                complete_until(run, pair, after[-1].number, after[-1].span[0])
            return None
        since = after[-1].span[1] if after else _applied_until(run, pair)
        if since is not None:
            complete_until(run, pair, len(windows_of(run.ledger, pair.source)) + len(after) + 1, since)
    except ExportError as error:
        return str(error)
    except ConfigError:  # it may not be asked, or does not answer
        return None
    return None


def _applied_until(run: Run, pair: Pair) -> datetime | None:
    """The end of the last window, or the moment of the full export."""
    if windows := windows_of(run.ledger, pair.source):
        return windows[-1].span[1]
    export = EXPORTS.needed(run.ledger, pair.source).completed
    return datetime.fromisoformat(export.manifest.export_time) if export else None
