"""Every error the runbook raises on purpose.

    RunbookError                 something the user has to know; shown as one line, never as a traceback
    ├── ConfigError              the configuration or the command line is wrong: exit 2, before anything ran
    │   └── CredentialsError     no usable AWS credentials for one side
    ├── GateFailed               a condition for going on does not hold: the run ends with FAIL
    ├── ForbiddenCall            a client was asked for an operation that is not on its allow-list
    ├── ExportError              an export could not be started, failed, or is not what this run asked for
    │   ├── PlanOutdated         a source is gone or another table: only another pre-flight gets the run on
    │   ├── MomentLost           a source cannot be exported as of the run's moment any more: only a new run can
    │   └── ManifestError        a manifest is missing, damaged or contradicts itself
    ├── TableError               a target table could not be created or removed, or is not the one it should be
    ├── TransferError            items could not be read or written
    │   ├── StartRefused         DynamoDB does not begin an import, or a bulk put
    │   └── CorruptFile          a data file is not the one its manifest describes
    │       └── SaidTwice        an object in a line or an answer names a member twice
    ├── ResumeRefused            the ledger of this run belongs to another plan, export or table, or is an old copy
    ├── LedgerError              the run's ledger cannot be read or written, for example on a full disk
    └── EvidenceError            the files of a run folder are not the ones it was sealed with
    KeyboardInterrupt
    └── Interrupted              a person stopped a step; nothing is wrong

A message says what was expected, what was found and what to do next.
"""

from __future__ import annotations

from textwrap import wrap

LINE = 68  # characters of a line in a notebook beside the list of files, in a window of 1,000 pixels


class RunbookError(Exception):
    """Base of all errors below; `str()` is the whole message for the user.

    `transient` says that a server was away for a while: the same call may be answered later. `shown` says that a
    notebook shows it already, with what to do.
    """

    transient = False
    shown = False

    def _render_traceback_(self) -> list[str]:
        """Let IPython show the message instead of a traceback (the notebook still fails)."""
        return shown_lines(self)


class Interrupted(KeyboardInterrupt):
    """A person stopped a step, by Ctrl-C or by the stop button; `str()` says how to go on."""

    def _render_traceback_(self) -> list[str]:
        return shown_lines(self)


def shown_lines(error: BaseException) -> list[str]:
    """Its name and message in lines that a notebook shows whole: JupyterLab would break longer ones within words."""
    said = f"{type(error).__name__}: {error}"
    return wrap(said, LINE, break_long_words=False, break_on_hyphens=False) if len(said) > LINE else [said]


class ConfigError(RunbookError):
    """The configuration or the command line is wrong; nothing has run yet."""


class CredentialsError(ConfigError):
    """No usable AWS credentials were found for one side."""


class GateFailed(RunbookError):
    """A condition for going on does not hold."""


class ForbiddenCall(RunbookError):
    """A client was asked for an operation that is not on its allow-list; nothing was sent."""


class ExportError(RunbookError):
    """An export could not be started, failed, or is not what this run asked for."""


class ExportUnknown(ExportError):
    """DynamoDB does not know an export any more, or may not be asked about it."""


class ExportRefused(ExportError):
    """DynamoDB has said that it does not begin an export.

    `repeated` says that the same call was sent before within the client, whose answer may have been lost: only the
    last was refused, and an earlier one may have begun the export.
    """

    repeated = False


class PlanOutdated(ExportError):
    """A source is gone, or another table than the plan was made for: the pre-flight has to plan anew."""


class MomentLost(ExportError):
    """A source cannot be exported as it was at the moment that the run's other exports show: it takes a new run."""


class ManifestError(ExportError):
    """A manifest is missing, damaged or contradicts itself."""


class TableError(RunbookError):
    """A target table could not be created or removed, or is not the one this run created."""


class TransferError(RunbookError):
    """Items could not be read or written."""


class StartRefused(TransferError):
    """DynamoDB has said of one request that it does not begin an import or a bulk put; an earlier one may have.

    `said` is its own word.
    """

    said = ""


class CorruptFile(TransferError):
    """A data file is not the one its manifest describes."""


class SaidTwice(CorruptFile):
    """An object in a line or an answer names a member twice: one parser takes the first, another the last."""


class ResumeRefused(RunbookError):
    """The ledger of this run belongs to another plan, export or target table, or is an older copy of itself."""


class LedgerError(RunbookError):
    """The run's ledger cannot be read or written, for example on a full disk."""


class EvidenceError(RunbookError):
    """The files of a run folder are not the ones it was sealed with."""
