"""A name of an attribute or a map that is somebody's datum is in no list of paths; a developer's word is."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.rules import MaskRule, Verb
from runbook_lib.masking.shown.looks import looks_named
from runbook_lib.masking.shown.met import MOST_NAMES, UnnamedCount
from runbook_lib.transform.proposal.propose import missing_inside, proposals_for
from runbook_lib.transform.proposal.shapes import shapes_of
from runbook_lib.transform.unnamed import unnamed_error, unnamed_paths

KEY = MaskKey(b"a key of some bytes")
NAMES = ("elena", "novak", "Dvořák", "ada_marker", "JanHus", "müller", "o-brien", "amélie")
PEOPLE = st.sampled_from(NAMES)
DIGITS = st.integers(0, 10**12)


def unpadded(spelled: bytes) -> str:
    return spelled.decode().rstrip("=")


# What the leak scan looks for and into, as a name could spell it.
KINDS: dict[str, st.SearchStrategy[str]] = {
    "mail": st.builds(lambda who, n: f"{who}{n}@people.example", PEOPLE, DIGITS),
    "telephone": st.builds(lambda n: f"+49 {170 + n % 9} {10**6 + n % 10**6}", DIGITS),
    "telephone behind a word": st.builds(lambda n: f"tel_{170 + n % 9}-{10**6 + n % 10**6}", DIGITS),
    "card": st.builds(lambda n: f"card-{4111 + n % 99}-{n % 9999:04}-1111-1111", DIGITS),
    "account": st.builds(lambda n: f"DE{n % 99:02}3704004405320130{n % 99:02}", DIGITS),
    "account in groups": st.builds(lambda n: f"DE{n % 99:02}-3704-0044-0532-0130-00", DIGITS),
    "ssn": st.builds(lambda n: f"ssn_{100 + n % 800}-{10 + n % 89}-{1000 + n % 8999}", DIGITS),
    "date of birth": st.builds(lambda n: f"b_{1930 + n % 80}_{1 + n % 12:02}_{1 + n % 28:02}", DIGITS),
    "uuid": st.builds(lambda n: str(UUID(int=(0xA << 124) + n * 7**20)), DIGITS),
    "digits": st.builds(lambda n: f"id{n:07}", DIGITS),
    "hexadecimal": st.builds(lambda who, n: f"{who}{n}".encode().hex(), PEOPLE, DIGITS),
    "Base64": st.builds(lambda who: unpadded(base64.b64encode(f"{who}@people.example".encode())), PEOPLE),
    "Base64 for URLs": st.builds(lambda n: unpadded(base64.urlsafe_b64encode(f"elena novak {n}".encode())), DIGITS),
    "Base32": st.builds(lambda n: unpadded(base64.b32encode(f"elena {n}".encode())).lower(), DIGITS),
    "URL-encoded": st.builds(lambda who: f"{who}%40people.example", PEOPLE),
    "access key": st.from_regex("(AKIA|ASIA|AIDA|AROA|ANPA)[A-Z2-7]{16}", fullmatch=True),
    "access key behind a word": st.from_regex("key_AKIA[A-Z2-7]{16}", fullmatch=True),
    "ticket": st.from_regex("[A-GI-X][A-Z]{3}[-_][0-9]{4}", fullmatch=True),
    "number of a ticket": st.from_regex("(order|ticket|user|Customer|INV|id)[-_]?[0-9]{3,6}", fullmatch=True),
    "licence plate": st.from_regex("[BMK]-[A-Z]{2}[1-9][0-9]{2}", fullmatch=True),
    "capitals and digits": st.from_regex("([A-Z][0-9]){2,8}|([A-Z]{2}[0-9]{2}){2,4}", fullmatch=True),
    "capitals around digits": st.from_regex("[A-Z]{3}[0-9]{2}[A-Z]{3}", fullmatch=True),
    "parts of capitals and digits": st.from_regex("[A-Z][0-9][A-Z]-[A-Z][0-9]{2}[A-Z]", fullmatch=True),
    "letters and digits": st.from_regex("[g-z]{2}[0-9]{2}[g-z]{2}[0-9]{2}", fullmatch=True),
    "words": st.builds(lambda who: f"Elena {who}", PEOPLE),
}  # fmt: skip
MARKERS = st.one_of(*KINDS.values())
VALUES: st.SearchStrategy[Attribute] = st.sampled_from(
    [{"S": "x"}, {"N": "1"}, {"NULL": True}, {"M": {}}, {"L": []}, {"BOOL": True}, {"SS": ["x", "y"]}]
)


def nested(name: str, held: Attribute, steps: list[str]) -> Item:
    """An item with a value under a name, within maps, lists and JSON in strings."""
    made: dict[str, Any] = {name: held}
    for step in steps:
        match step:
            case "list":
                made = {"list": {"L": [{"M": made}, {"S": "x"}]}}
            case "json":
                made = {"text": {"S": json.dumps({name: {"deep": [{name: 1}]}})}}
            case _:
                made = {step: {"M": made}}
    return made


def told(items: list[Item], *rules: MaskRule) -> str:
    """All that is ever said of what no rule names: the list, the error, the facts, and the proposal."""
    mask, counted = TableMask(KEY, rules, "orders"), UnnamedCount()
    for some in (items[::2], items[1::2]):  # as of two files, and one of them from another process
        tally = mask.tally()
        for item in some:
            mask.masked(item, tally)
        counted.add(pickle.loads(pickle.dumps(tally.unnamed)))
    shapes = shapes_of(items)
    proposed = [*proposals_for("orders", shapes, rules), *missing_inside("orders", shapes, rules)]
    paths = unnamed_paths(counted)
    assert sum(path.values for path in paths) == sum(counted.values.values())
    return f"{paths} {unnamed_error(counted)} {''.join(proposed)}"


STEPS = st.lists(st.sampled_from(["list", "json", "contacts", "profile"]), max_size=3)
RULES = st.sampled_from(
    [
        (),
        (MaskRule("orders", "contacts.*.known", Verb.KEEP),),
        (MaskRule("orders", "*.known", Verb.KEEP), MaskRule("orders", "list[*].*.known", Verb.DROP)),
        (MaskRule("orders", "text", Verb.JSON, rules=(MaskRule("", "*.other", Verb.KEEP),)),),
    ]
)


@given(MARKERS, VALUES, STEPS, RULES)
def test_a_name_that_looks_like_a_datum_is_never_shown(
    name: str, held: Attribute, steps: list[str], rules: tuple[MaskRule, ...]
) -> None:
    said = told([nested(name, held, steps), nested(name, {"M": {name: held}}, steps)], *rules)
    assert name not in said
    assert name.split("@", maxsplit=1)[0] not in said


@pytest.mark.parametrize(
    "text", ["ada marker", "ada@example.com", "jan hus", "maria garcia", "john smith", "peter pan", "bob.smith"]
)
def test_a_text_in_base64_is_no_word_even_where_it_comes_apart_into_words(text: str) -> None:
    for spelled in (base64.b64encode(text.encode()), base64.b32encode(text.encode()).lower()):
        assert not looks_named(unpadded(spelled))
        assert not looks_named(f"of_{unpadded(spelled)}")


WORDS = st.sets(st.text("abdeiklmnorstu", min_size=4, max_size=7).map("qua{}".format), min_size=4, max_size=120)


def beside(name: str, held: Attribute) -> dict[str, Attribute]:
    return {name: held, "defaultone": {"S": "x"}}


AROUND: dict[str, Callable[[str], Item]] = {
    "alone": lambda name: {"contacts": {"M": {name: {"S": "x"}}}},
    "beside a word": lambda name: {"contacts": {"M": beside(name, {"S": "x"})}},
    "above others": lambda name: {"contacts": {"M": {name: {"M": {"street": {"S": "x"}}}}}},
    "below others": lambda name: {"contacts": {"M": {"home": {"M": {"of": {"M": {name: {"S": "x"}}}}}}}},
    "in a list": lambda name: {"list": {"L": [{"M": {name: {"S": "x"}}}]}},
    "in JSON": lambda name: {"text": {"S": json.dumps({"of": {name: 1}})}},
    "below any name": lambda name: {"of": {"M": {name: {"M": {"street": {"S": "x"}}}}}},
}


@pytest.mark.parametrize("around", AROUND)
@given(WORDS)
def test_names_that_are_ever_new_are_data_though_each_is_a_word(around: str, names: set[str]) -> None:
    rules = (
        MaskRule("orders", "text", Verb.JSON, rules=(MaskRule("", "known", Verb.KEEP),)),
        MaskRule("orders", "of.*.known", Verb.KEEP),
    )
    said = told([AROUND[around](name) for name in names], *rules)
    assert [name for name in names if name in said] == []
    assert ("defaultone" in said) == (around == "beside a word")
    assert ("street" in said) == (around in ("above others", "below any name"))


def test_many_names_that_come_again_and_again_are_data_too() -> None:
    """Some dozens of people, each in many a conversation: none of them is new, and each is in few."""
    names = [f"person{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(MOST_NAMES - 10)]
    chats = [{"who": {"M": {names[(n + k) % len(names)]: {"S": "x"} for k in (0, 7)}}} for n in range(400)]
    assert not any(name in told(chats) for name in names)


def test_attributes_of_items_are_data_where_most_of_them_come_once() -> None:
    names = [f"person{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(60)]
    said = told([{"id": {"S": "x"}, name: {"S": "x"}} for name in names])
    assert not any(name in said for name in names)
    assert "path='id', type='S', values=60" in said
    assert "path='*', type='S', values=60" in said


CODES = (
    "AKIAIOSFODNN7EXAMPLE ASIAQWERTYUIOPASDFGH ABCD-1234 JIRA-4711 INV_2041 order-4711 user1234 c4711 ab12cd34 X7K9 "
    "AB12CD K7X9P2 A1B2C3D4 LH123 ABC123 M-AB123 TKT-9F3A T4-R7-Q2 id123"
)  # fmt: skip


def test_codes_are_not_shown() -> None:
    codes = CODES.split()
    assert [code for code in codes if looks_named(code)] == []
    said = told([{"m": {"M": {code: {"S": "x"} for code in codes}}}])
    assert [code for code in codes if code in said] == []


def test_words_of_developers_are_shown() -> None:
    spelled = (
        "id pk sk GSI1PK email firstName last_name addressLine1 address_line_2 iso8601 sha256 created-at ipV4Address "
        "_version oauth2Token s3Key dateOfBirth HTTPStatusCode x y2 is_deleted e2e networkId customerIdentifier ttl "
        "ownershipInformation deadLetterQueue facade decade beforeImage utf8 year2024 KycStatus vatNo "
        "address2 line1 SHA256 SHA-256 ISO8601 iso_8601 ipv4 IPv4 IPV4ADDRESS GSI1SK LSI2 ADDRESS_LINE_2 LINE10 S3KEY "
        "base64 BASE64 rfc3339 x509 http404 i18n I18N L10N k8s K8S B2B E2E OAUTH2TOKEN EC2 MD5 md5Hash h264 UTF16 p99 "
        "top10 line_1_of_2 AWS_REGION STATUS"
    )
    words = spelled.split()
    assert [word for word in words if not looks_named(word)] == []
    maps = [words[at : at + MOST_NAMES // 2] for at in range(0, len(words), MOST_NAMES // 2)]
    item: Item = {f"m{at}": {"M": {word: {"S": "x"} for word in some}} for at, some in enumerate(maps)}
    said = told([item])
    assert [word for at, some in enumerate(maps) for word in some if f"path='m{at}.{word}'" not in said] == []
    kinds = [{f"kind{n % 4}": {"M": {f"of{n % 4}": {"S": "x"}, "note": {"S": "x"}}}} for n in range(40)]
    assert [n for n in range(4) if f"path='kind{n}.of{n}'" not in told(kinds)] == []
