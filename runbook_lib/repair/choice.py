"""What a repair is asked to do, and what allows it to."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.errors import ConfigError
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.run import Run

KINDS = {"write_missing": "missing", "write_different": "different", "delete_extra": "extra"}


@dataclass(frozen=True, slots=True)
class RepairChoice:
    """Which of the wrong items to repair.

    `even_after_cut_over` is to write also where somebody else has written since: what is missing then may have been
    deleted by the application, and would come back.
    """

    write_missing: bool = False
    write_different: bool = False
    delete_extra: bool = False
    even_after_cut_over: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of differences that are chosen; raises ConfigError if none is."""
        chosen = tuple(kind for name, kind in KINDS.items() if getattr(self, name))
        if not chosen:
            raise ConfigError(
                "repair: expected at least one of --write-missing, --write-different and --delete-extra (in 35_repair "
                "the parameters of these names), found none; nothing was done"
            )
        return chosen

    def parameters(self) -> dict[str, bool]:
        """As the notebook takes them."""
        return {name: getattr(self, name) for name in (*KINDS, "even_after_cut_over")}


def check_repair(run: Run, choice: RepairChoice, confirm: str) -> bool:
    """Whether anything may be written: `confirm` has to be the run's id, beside everything a write needs.

    Raises ConfigError for a choice of nothing, and if `confirm` is anything else but empty, which asks for a dry run.
    """
    _ = choice.kinds
    if not confirm or not run.execute:
        return False
    if confirm != run.id:
        raise ConfigError(
            f"confirm_repair: expected {run.id!r}, which is the run whose targets would be repaired, found "
            f"{confirm!r}; nothing was written"
        )
    check_confirmation(run.confirmation, run.clients)
    return True
