"""When a text names an old table, and when it names another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.references.old_names import How, OldNames

OLD, NEW = ["us-east-1", "111122223333"], ["us-east-2", "111122223333"]
NAMES = OldNames({"orders": "orders-dev", "app-users": "users-dev", "app-carts": "carts-dev", "kept": "kept"}, OLD, NEW)


def named(text: str, here: list[str] = OLD, names: OldNames = NAMES) -> list[tuple[str, How]]:
    return [(naming.source, naming.how) for naming in names.in_text(text, here)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", [("orders", How.NAME)]),
        (" orders\n", [("orders", How.NAME)]),
        ("orders.", [("orders", How.INSIDE)]),
        ('{"TableName": "orders"}', [("orders", How.INSIDE)]),
        ("orders-dev", []),
        ("my-orders", []),
        ("my.orders", []),
        ("orders.archive", []),
        ("Orders", []),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/orders", [("orders", How.ARN)]),
        ("arn:aws:dynamodb:us-east-1:111122223333:table/orders/stream/2026", [("orders", How.ARN)]),
        ("arn:aws:dynamodb:*:*:table/orders", [("orders", How.ARN)]),
        ("arn:aws:dynamodb:${region}:${account}:table/orders", [("orders", How.ARN)]),
        ("arn:aws:dynamodb:${AWS::Region}:111122223333:table/orders", [("orders", How.INSIDE)]),
        ("arn:aws:dynamodb:us-east-2:111122223333:table/orders", []),
        ("arn:aws:dynamodb:us-east-1:444455556666:table/orders", []),
        ("app-", [("app-carts", How.STEM)]),
        ("app", []),
        ("", []),
    ],
)
def test_a_text_names(text: str, expected: list[tuple[str, How]]) -> None:
    assert named(text) == expected


def test_a_name_that_both_sides_bear_means_the_old_table_in_the_source_only() -> None:
    assert named("kept") == [("kept", How.NAME)]
    assert named("kept", NEW) == []
    assert named("orders", NEW) == [("orders", How.NAME)]
    assert named("arn:aws:dynamodb:us-east-1:111122223333:table/kept", NEW) == [("kept", How.ARN)]


def test_of_one_region_to_itself_every_old_name_is_old() -> None:
    swapped = OldNames({"a-table": "b-table", "b-table": "c-table"}, OLD, OLD)
    assert named("b-table", OLD, swapped) == [("b-table", How.NAME)]


def test_nothing_is_named_where_nothing_moves() -> None:
    assert named("orders", OLD, OldNames({}, OLD, NEW)) == []


NAME = st.text("abAB01_.-", min_size=3, max_size=8)


@given(NAME, st.sets(NAME, max_size=5), st.sampled_from(['"', " ", "/", ",", "=", ":", "'", "\n", "}"]))
def test_a_name_between_marks_is_found_and_no_other(name: str, others: set[str], mark: str) -> None:
    names = OldNames(dict.fromkeys({name, *others}, "new"), OLD, NEW)
    assert [n.source for n in names.in_text(f"{mark}{name}{mark}", OLD)] == [name]


PLACE = "arn:aws:dynamodb:us-east-1:111122223333:table"


@pytest.mark.parametrize(
    "text",
    [
        r"x\norders\n", r"\torders", r'{"markdown": "Tables:\norders"}', r"\u000aorders", r"\"orders\"",
        "arn%3Aaws%3Adynamodb%3Aus-east-1%3A111122223333%3Atable%2Forders", "%2forders", "%252Forders%252Fstream",
    ],
)  # fmt: skip
def test_a_name_after_an_escape_is_one(text: str) -> None:
    assert named(text) == [("orders", How.INSIDE)]


@pytest.mark.parametrize("text", ["%2Dorders", "%2Eorders", "%5Forders", "%252Dorders", r"\nmy-orders", "50%orders-x"])
def test_what_goes_on_before_an_escape_is_another_name(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{PLACE}/order*", "orders"),
        (f"{PLACE}/order?", "orders"),
        (f"{PLACE}/*rders/index/*", "orders"),
        (f"{PLACE}/app-*", "app-carts"),
        (f"{PLACE}/*", "app-carts"),
        ("arn:aws:dynamodb:*:111122223333:table/order*", None),
        ("arn:aws:dynamodb:*:*:table/app-*", "app-carts"),
        ("arn:aws:dynamodb:us-east-2:111122223333:table/order*", None),
        ("arn:aws:dynamodb:*:*:table/*", None),
        (f"{PLACE}/other-*", None),
    ],
)
def test_a_pattern_that_covers_old_tables_and_not_their_targets_names_them(text: str, expected: str | None) -> None:
    """One that covers the new table, too, needs no change."""
    assert named(text) == ([(expected, How.PATTERN)] if expected else [])


def test_a_pattern_says_how_many_tables_it_covers() -> None:
    (found,) = NAMES.in_text(f'{{"Resource": ["{PLACE}/app-*"]}}', OLD)
    assert (found.source, found.tables) == ("app-carts", 2)
