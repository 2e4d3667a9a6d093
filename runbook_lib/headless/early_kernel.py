"""A kernel that gets ready while the runner is still being imported and its start is looked at.

To start one takes as long as all of that, and there are two cores. It goes with a start that is refused, and is told
whose it is once that is admitted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from runbook_lib.headless.warm_kernel import WarmKernel
from runbook_lib.paths import notebooks, reports_root


@contextmanager
def early_kernel() -> Iterator[WarmKernel]:
    """A kernel that is on its way, for one run; it does not outlive the block."""
    kernel = WarmKernel(notebooks())
    with with_names(nobodys_names()):
        kernel.start()
    try:
        yield kernel
    finally:
        kernel.stop()


def nobodys_names() -> dict[str, str]:
    """What stands in the environment of every kernel of a headless run: nobody watches, and where the folders lie."""
    return {"RUNBOOK_HEADLESS": "1", "RUNBOOK_REPORTS": str(reports_root())}


@contextmanager
def with_names(names: dict[str, str]) -> Iterator[None]:
    """Have names in this process's environment, which kernels inherit; the former ones come back afterwards."""
    former = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
