"""Values and items: what is held, how it comes back, and where it ends."""

from __future__ import annotations

import base64
import unicodedata
from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.conformance.question import Area, guide, question
from runbook_lib.conformance.subject import Subject

_INVALID = "ValidationException"
_TYPES = guide("Supported data types")
_LIMITS = guide("Quotas: items and attributes")
_LARGEST = 409_600  # bytes of an item, names included


def kept(subject: Subject, value: dict[str, Any]) -> str:
    """What putting an item with this value came to."""
    return outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=subject.item(v=value))


def back(subject: Subject, value: dict[str, Any]) -> Any:
    """A value as it comes back."""
    item = subject.item(v=value)
    subject.put(subject.table(), item)
    return (subject.read(subject.table(), item) or {})["v"]


def number_back(subject: Subject, text: str) -> str:
    return str(back(subject, {"N": text})["N"])


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def filled(subject: Subject, size: int, name: str = "v", letter: str = "x") -> dict[str, Any]:
    """An item of exactly so many bytes."""
    item = subject.item()
    left = size - len("id") - len(item["id"]["S"]) - len(name.encode())
    wide = len(letter.encode())
    return item | {name: {"S": letter * (left // wide) + "x" * (left % wide)}}


@question(Area.VALUES, expect=ACCEPTED, relied_on="no item of the source is too large for the target", source=_LIMITS)
def item_of_400_kb(subject: Subject) -> str:
    """Is an item of exactly 409,600 bytes taken?"""
    return outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=filled(subject, _LARGEST))


@question(Area.VALUES, expect=_INVALID, relied_on="such an item goes to quarantine with a reason", source=_LIMITS)
def item_over_400_kb(subject: Subject) -> str:
    """Is an item of 409,601 bytes refused?"""
    return outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=filled(subject, _LARGEST + 1))


@question(
    Area.VALUES,
    expect=(ACCEPTED, _INVALID),
    relied_on="sizes of items are measured as DynamoDB measures them",
    source=guide("Item sizes and formats: names and text in UTF-8"),
)
def item_size_is_in_bytes(subject: Subject) -> tuple[str, str]:
    """Are names and text measured in bytes of UTF-8: 409,600 of two-byte letters taken, one more refused?"""
    items = (filled(subject, _LARGEST + more, name="größe", letter="é") for more in (0, 1))
    one, other = (outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=item) for item in items)
    return one, other


@question(
    Area.VALUES,
    expect="-12345678901234567890123456789012345678",
    relied_on="a number crosses digit by digit",
    source=_TYPES,
)
def number_of_38_digits(subject: Subject) -> str:
    """Does a number of 38 digits come back with all of them?"""
    return number_back(subject, "-12345678901234567890123456789012345678")


@question(Area.VALUES, expect=_INVALID, relied_on="no number is rounded without a word", source=_TYPES)
def number_of_39_digits(subject: Subject) -> str:
    """Is a number of 39 digits refused, and not rounded?"""
    return kept(subject, {"N": "123456789012345678901234567890123456789"})


@question(
    Area.VALUES,
    expect=("1.5", "7", "0"),
    relied_on="two spellings of one number are the same when tables are compared",
    source=guide("Naming rules and data types: leading and trailing zeroes are trimmed"),
)
def number_without_its_zeros(subject: Subject) -> tuple[str, ...]:
    """Are leading and trailing zeros trimmed: 1.50, 007 and 0.000?"""
    return tuple(number_back(subject, text) for text in ("1.50", "007", "0.000"))


@question(
    Area.VALUES,
    expect=(ACCEPTED, _INVALID, ACCEPTED, _INVALID),
    relied_on="a number of the source is one of the target",
    source=_TYPES,
)
def number_at_its_ends(subject: Subject) -> tuple[str, ...]:
    """Do numbers end at 9.9...E125 and 1E-130, and is what lies beyond refused?"""
    ends = ("9.9999999999999999999999999999999999999E+125", "1E126", "1E-130", "1E-131")
    return tuple(kept(subject, {"N": text}) for text in ends)


@question(
    Area.VALUES,
    expect=(ACCEPTED, ACCEPTED),
    relied_on="empty values that are no keys are not sorted out",
    source=_TYPES,
)
def empty_text_and_bytes(subject: Subject) -> tuple[str, ...]:
    """Are an empty string and empty bytes taken where they are no key?"""
    return kept(subject, {"S": ""}), kept(subject, {"B": b""})


@question(Area.VALUES, expect=(ACCEPTED, ACCEPTED), relied_on="empty documents are kept", source=_TYPES)
def empty_list_and_map(subject: Subject) -> tuple[str, ...]:
    """Are an empty list and an empty map taken?"""
    return kept(subject, {"L": []}), kept(subject, {"M": {}})


@question(
    Area.VALUES,
    expect=(_INVALID, _INVALID, _INVALID),
    relied_on="an empty set in an export file is damage",
    source=_TYPES,
)
def empty_sets(subject: Subject) -> tuple[str, ...]:
    """Are empty sets refused, of all three kinds?"""
    return tuple(kept(subject, {kind: []}) for kind in ("SS", "NS", "BS"))


@question(
    Area.VALUES,
    expect=(_INVALID, _INVALID),
    relied_on="members of a set are compared as values, and are unique",
    source=_TYPES,
)
def set_with_one_member_twice(subject: Subject) -> tuple[str, ...]:
    """Is a set with one member twice refused, also where that is 1 and 1.0?"""
    return kept(subject, {"SS": ["a", "a"]}), kept(subject, {"NS": ["1", "1.0"]})


@question(
    Area.VALUES,
    expect=True,
    relied_on="a set is compared without its order",
    source=guide("Supported data types: the order of the values within a set is not preserved"),
)
def set_comes_back_whole(subject: Subject) -> bool:
    """Does a set come back with all its members, in whatever order?"""
    members = ["b", "a", "ä", "10", "9"]
    return sorted(back(subject, {"SS": members})["SS"]) == sorted(members)


@question(
    Area.VALUES,
    expect=(ACCEPTED, _INVALID),
    relied_on="nesting is no reason for quarantine short of the limit",
    source=_LIMITS,
)
def nesting(subject: Subject) -> tuple[str, ...]:
    """Are lists taken that are nested 30 deep, and refused 40 deep? (The limit is 32 levels.)"""
    return kept(subject, nested(30)), kept(subject, nested(40))


@question(Area.VALUES, expect=True, relied_on="bytes cross as bytes", source=_TYPES)
def all_bytes(subject: Subject) -> bool:
    """Do all 256 bytes come back as they were?"""
    return bool(back(subject, {"B": bytes(range(256))})["B"] == bytes(range(256)))


@question(Area.VALUES, expect=True, relied_on="text is kept as sent, not normalised", source=_TYPES)
def text_as_sent(subject: Subject) -> bool:
    """Do control characters and both spellings of an accent come back as they were?"""
    texts = ["\x00\x01\x1f\x7f", unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), "\U0001f600"]
    return [back(subject, {"S": text})["S"] for text in texts] == texts


@question(
    Area.VALUES,
    expect=True,
    relied_on="documents are kept in the order of their lists, with every type inside",
    source=_TYPES,
)
def documents_come_back(subject: Subject) -> bool:
    """Does a document with every type in it come back as it was?"""
    value = {
        "M": {
            "l": {"L": [{"S": "b"}, {"N": "-0.5"}, {"BOOL": False}, {"NULL": True}, {"L": []}]},
            "b": {"B": base64.b64decode("AAEC")},
            " a.b[0] #": {"SS": ["x"]},
        }
    }
    return bool(back(subject, value) == value)


@question(
    Area.VALUES,
    expect=_INVALID,
    relied_on="a value has one type; two are damage",
    source=guide("AttributeValue: you must specify exactly one of the data types"),
)
def value_of_two_types(subject: Subject) -> str:
    """Is a value with two types refused?"""
    return kept(subject, {"S": "1", "N": "1"})


@question(
    Area.VALUES,
    expect=_INVALID,
    relied_on="what is no number is refused, not stored as text",
    source=_TYPES,
)
def number_that_is_none(subject: Subject) -> str:
    """Is a number that is none refused?"""
    return kept(subject, {"N": "twelve"})
