"""Execute one notebook with papermill, in a kernel that is ready."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# jsonschema would have this parse the grammar of IRIs, two seconds at every start; no notebook has a use for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import papermill  # noqa: E402
from nbclient.exceptions import CellTimeoutError  # noqa: E402
from papermill.clientwrap import PapermillNotebookClient  # noqa: E402
from papermill.engines import NBClientEngine, papermill_engines  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402
from papermill.log import logger  # noqa: E402

from runbook_lib.headless.warm_kernel import WarmKernel  # noqa: E402

# A kernel is given ports that were free a moment ago; where one is taken meanwhile, it dies before its first word.
KERNEL_STARTS = 3
ENGINE = "warm kernel"
SAVE_SECONDS = 1.0


def execute_notebook(
    book: Path, result: Path, parameters: Mapping[str, Any], kernel: WarmKernel, has_begun: Callable[[], bool]
) -> str | None:
    """Execute `book` and keep it with its outputs as `result`; returns why it failed, or None.

    A kernel that dies before the notebook `has_begun` is started again; one whose notebook did not end well is ended.
    """
    failure = None
    for _ in range(KERNEL_STARTS):
        well = False
        try:
            papermill.execute_notebook(
                _verbatim(book), _verbatim(result), dict(parameters), engine_name=ENGINE, kernel=kernel,
                kernel_name="python3", cwd=book.parent, progress_bar=False, log_output=False,
            )  # fmt: skip
            well = True
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
        finally:
            if not well:
                kernel.stop()
    return failure


def _verbatim(path: Path) -> str:
    """A path as papermill takes it for itself: it would fill in its parameters where braces stand in one."""
    return str(path).replace("{", "{{").replace("}", "}}")


class _InWarmKernel(NBClientEngine):  # type: ignore[misc]
    """papermill's way to execute a notebook, in a kernel that is there already."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **more: Any) -> None:
        with more["kernel"].client() as (manager, client):
            executes = PapermillNotebookClient(nb_man, km=manager, kernel_name=kernel_name, log=logger)
            executes.kc = client
            with _seldom_saved(nb_man):
                executes.execute()


@contextmanager
def _seldom_saved(nb_man: Any) -> Iterator[None]:
    """Let papermill save a notebook once a second, not before and after each cell; it saves the whole at its end."""
    save, saved = nb_man.save, float("-inf")

    def seldom(**more: Any) -> None:
        nonlocal saved
        if time.monotonic() - saved >= SAVE_SECONDS:
            save(**more)
            saved = time.monotonic()

    nb_man.save = seldom
    try:
        yield
    finally:
        del nb_man.save


papermill_engines.register(ENGINE, _InWarmKernel)


def _is_news(said: logging.LogRecord) -> bool:
    """Not so the error of the cell that was interrupted, which nobody waits for any more: it is in the notebook."""
    return "exception was never retrieved" not in said.getMessage()
