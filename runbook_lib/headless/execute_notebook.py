"""Execute one notebook with papermill, in a kernel of its own whose words go into a log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# jsonschema would have this parse the grammar of IRIs, two seconds at every start; no notebook has a use for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import papermill  # noqa: E402
from nbclient.exceptions import CellTimeoutError  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402
from traitlets.config import Config  # noqa: E402

# A kernel is given ports that were free a moment ago; where one is taken meanwhile, it dies before its first word.
KERNEL_STARTS = 3
# ipykernel 7.3 and later warn about plain TCP on every start unless told that this is understood.
QUIET = Config({"KernelManager": {"transport_encryption": "auto"}})


def execute_notebook(
    book: Path, result: Path, parameters: Mapping[str, Any], kernel_log: Path, has_begun: Callable[[], bool]
) -> str | None:
    """Execute `book` and keep it with its outputs as `result`; returns why it failed, or None.

    A kernel that dies before the notebook `has_begun` is started again.
    """
    failure = None
    for _ in range(KERNEL_STARTS):
        try:
            with _stderr_in(kernel_log):
                papermill.execute_notebook(
                    book, result, dict(parameters),
                    kernel_name="python3", cwd=book.parent, progress_bar=False, log_output=False, config=QUIET,
                )  # fmt: skip
        except PapermillExecutionError as error:
            return str(error.evalue)
        except KeyboardInterrupt:
            logging.getLogger("asyncio").addFilter(_is_news)
            raise
        except (RuntimeError, CellTimeoutError, OSError) as error:
            failure = f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}"
            # nbclient has an error of its own for a kernel that dies later; this one is jupyter_client's.
            if type(error) is not RuntimeError or has_begun():
                return failure
        else:
            return None
    return failure


def _is_news(said: logging.LogRecord) -> bool:
    """Not so the error of the cell that was interrupted, which nobody waits for any more: it is in the notebook."""
    return "exception was never retrieved" not in said.getMessage()


@contextmanager
def _stderr_in(file: Path) -> Iterator[None]:
    """Send what kernels say on standard error, which they inherit, to a file instead of the terminal."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(file, "ab") as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
