"""How many files and connections a process may hold open: as many as the system allows it, up to thousands.

Many shells allow 256 or 1,024, and an import holds hundreds of connections beside its files. Where even the hard limit
is too low, kernels and connections would wait for each other until their time is up.
"""

from __future__ import annotations

import contextlib
import resource

from runbook_lib.errors import ConfigError

NEEDED, WANTED = 256, 4096


def make_room() -> None:
    """Raise this process's limit of open files as far as it may and as is of use; its children inherit it.

    Raises ConfigError where fewer remain than a run needs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= WANTED:
        return
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    with contextlib.suppress(ValueError, OSError):  # some systems allow less than their hard limit says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if found < NEEDED:
        raise ConfigError(
            f"open files: expected room for at least {NEEDED} at a time, found a hard limit of {found}; nothing was "
            f"done. Raise it where it is set, for example with ulimit -Hn {WANTED} or in the limits of the service"
        )
