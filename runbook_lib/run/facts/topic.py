"""Where facts of one type lie in a ledger, and the one way to read and write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from runbook_lib.errors import LedgerError
from runbook_lib.run.facts.codec import Unfit, reader_of, to_json
from runbook_lib.run.ledger import Ledger

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Topic(Generic[F]):
    """Facts of one kind, each under a name: mostly the source table's.

    A fact that is not of its type is a LedgerError: whatever wrote it was not this runbook. `others` are names under
    the topic that have a Note of their own.
    """

    topic: str
    kind: type[F]
    others: frozenset[str] = frozenset()

    def of(self, ledger: Ledger, name: str) -> F | None:
        """The fact of a name, or None if none was recorded."""
        value = ledger.get(self.topic, name)
        return None if value is None else _read(ledger, self.topic, name, self.kind, value)

    def needed(self, ledger: Ledger, name: str) -> F:
        """The fact of a name that cannot be missing; raises LedgerError if it is."""
        fact = self.of(ledger, name)
        if fact is None:
            raise LedgerError(
                f"{ledger.path}: there should be a fact {self.topic} of {name}, and there is none; the ledger is "
                "damaged, start a new run with another run id"
            )
        return fact

    def all(self, ledger: Ledger) -> dict[str, F]:
        """All facts by name, in the order of the names."""
        return {
            name: _read(ledger, self.topic, name, self.kind, value)
            for name, value in ledger.all(self.topic).items()
            if name not in self.others
        }

    def record(self, ledger: Ledger, name: str, fact: F) -> None:
        """Write a fact down, in place of the one before."""
        ledger.put(self.topic, name, to_json(fact))

    def forget(self, ledger: Ledger, name: str) -> None:
        """Drop what is recorded under a name."""
        ledger.forget(self.topic, name)


@dataclass(frozen=True, slots=True)
class Note(Generic[F]):
    """One fact of a run, of which there is no other."""

    topic: str
    name: str
    kind: type[F]

    def of(self, ledger: Ledger) -> F | None:
        """The fact, or None if it was not recorded."""
        value = ledger.get(self.topic, self.name)
        return None if value is None else _read(ledger, self.topic, self.name, self.kind, value)

    def record(self, ledger: Ledger, fact: F) -> None:
        """Write the fact down, in place of the one before."""
        ledger.put(self.topic, self.name, to_json(fact))

    def forget(self, ledger: Ledger) -> None:
        """Drop the fact."""
        ledger.forget(self.topic, self.name)


def _read(ledger: Ledger, topic: str, name: str, kind: type[F], value: Any) -> F:
    try:
        fact: F = reader_of(cast("Any", kind))(value)
    except Unfit as error:
        raise ledger.damaged(f"the fact {topic} of {name}", error) from None
    return fact
