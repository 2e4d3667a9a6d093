"""Masks: what each verb makes of a value, that nothing unnamed passes, and that distinct values stay distinct."""

from __future__ import annotations

import itertools
import json
import pickle
import random
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_lib.errors import ConfigError
from runbook_lib.items.canonical import Item
from runbook_lib.masking.leaves import ItemLeaves
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.paths import parse_path, spell_path
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.rules import MaskRule, TemplatePart, Verb, rules_of, split_template
from runbook_lib.masking.shown.met import MOST_NAMES
from runbook_lib.masking.verbs import Unmaskable

KEY = MaskKey(b"a key of some bytes")


def rule(path: str, verb: str = "pseudonym", **more: Any) -> MaskRule:
    return MaskRule("*", path, Verb(verb), **more)


def masked(item: Item, *rules: MaskRule, key: MaskKey = KEY) -> Item:
    mask = TableMask(key, rules, "orders")
    tally = mask.tally()
    made = mask.masked(item, tally)
    assert not tally.unnamed, tally.unnamed
    return made


def text(made: Item, name: str = "a") -> str:
    return str(made[name]["S"])


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        (Form.HEX, r"[0-9a-f]{32}"),
        (Form.UUID, r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        (Form.EMAIL, r"[0-9a-f]{32}@example\.invalid"),
        (Form.DIGITS, r"\+\d{2} \(\d{3}\) \d{4}-\d{2}"),
        (Form.NAME, r"[A-Z][a-z]{9} [A-Z][a-z]{13}"),
    ],
)
def test_a_pseudonym_has_its_form(form: Form, shape: str) -> None:
    made = text(masked({"a": {"S": "+49 (170) 1234-56"}}, rule("a", form=form)))
    assert re.fullmatch(shape, made)


def test_pseudonyms_are_those_that_were_published() -> None:
    """Whoever masks with the same key next year has to get the same ones."""
    spelled = {
        form: text(masked({"a": {"S": "ada@example.com"}}, rule("a", form=form, domain="email"))) for form in Form
    }
    assert spelled == PUBLISHED


def test_types_stay_and_sets_are_masked_by_member() -> None:
    item: Item = {
        "s": {"S": "one"}, "n": {"N": "4711"}, "b": {"B": "AAEC"}, "ss": {"SS": ["one", "two"]}, "ns": {"NS": ["4711"]},
        "bs": {"BS": ["AAEC"]}, "null": {"NULL": True}, "empty": {"S": ""},
    }  # fmt: skip
    made = masked(item, *(rule(name, domain="d") for name in item))
    assert {name: next(iter(value)) for name, value in made.items()} == {n: next(iter(v)) for n, v in item.items()}
    assert made["ss"]["SS"][0] == made["s"]["S"]
    assert made["ns"]["NS"] == [made["n"]["N"]]
    assert made["bs"]["BS"] == [made["b"]["B"]]
    assert (made["null"], made["empty"]) == (item["null"], item["empty"])
    assert re.fullmatch(r"[1-9]\d{3}", made["n"]["N"])


def test_equal_numbers_have_equal_pseudonyms_however_they_are_spelled() -> None:
    rules = [rule("a", domain="d", length=12), rule("b", domain="d", length=12)]
    made = masked({"a": {"N": "100"}, "b": {"N": "1E2"}}, *rules)
    assert made["a"] == made["b"]


@pytest.mark.parametrize("value", [{"N": "4711"}, {"NS": ["4711"]}])
def test_a_number_gets_no_pseudonym_of_more_digits_than_numbers_have(value: dict[str, Any]) -> None:
    ((_, made),) = masked({"a": value}, rule("a", length=38))["a"].items()
    assert len(made if isinstance(made, str) else made[0]) == 38
    with pytest.raises(Unmaskable, match="a number has at most 38 digits"):
        masked({"a": value}, rule("a", length=39))


def test_a_domain_decides_what_is_equal_and_not_the_path() -> None:
    rules = [rule("a", domain="one"), rule("b", domain="one"), rule("c", domain="other")]
    made = masked({name: {"S": "same"} for name in "abc"}, *rules)
    assert made["a"] == made["b"] != made["c"]
    other = masked({"a": {"S": "same"}}, rule("a", domain="one"), key=MaskKey(b"another key of 16+ bytes"))
    assert other["a"] != made["a"]


def test_a_template_masks_inside_of_a_text() -> None:
    email = rule("email", form=Form.EMAIL, domain="email")
    key = rule("pk", "template", templates=("CUSTOMER#{email}", "ORDER#{id}#{email}"), form=Form.EMAIL, domain="email",
               parts={"id": TemplatePart(Verb.KEEP)})  # fmt: skip
    item: Item = {"pk": {"S": "CUSTOMER#a@b.example"}, "email": {"S": "a@b.example"}}
    made = masked(item, email, key)
    assert made["pk"]["S"] == f"CUSTOMER#{made['email']['S']}"
    assert masked({"pk": {"S": "ORDER#7#a@b.example"}}, key)["pk"]["S"] == f"ORDER#7#{made['email']['S']}"
    with pytest.raises(Unmaskable, match="no template") as caught:
        masked({"pk": {"S": "VIP#a@b.example"}}, key)
    assert "a@b" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "fits"), [("USER#ada@x.com#7", True), ("USER#a#b@x.com#7", False), ("USER#ada@x.com#7#8", False)]
)
def test_a_value_of_which_a_template_could_keep_more_or_less_is_refused(value: str, fits: bool) -> None:
    keeps = rule("pk", "template", templates=("USER#{email}#{id}",), parts={"id": TemplatePart(Verb.KEEP)})
    if fits:
        assert text(masked({"pk": {"S": value}}, keeps), "pk").endswith("#7")
        return
    with pytest.raises(Unmaskable, match="in more than one way") as caught:
        masked({"pk": {"S": value}}, keeps)
    assert value not in str(caught.value)
    all_masked = rule("pk", "template", templates=("USER#{email}#{id}",))
    assert "x.com" not in text(masked({"pk": {"S": value}}, all_masked), "pk")


@pytest.mark.parametrize(
    ("templates", "value", "kept"),
    [
        (("{name}/{no}", "{name}"), "Meierhof/Schulzendorff", None),  # the second would mask all of it
        (("{name}/{no}", "{name}"), "Schulzendorff", ""),
        (("{name}", "{name}/{no}"), "Meierhof/0017", ""),  # what is kept in neither is masked by the first
        (("CUSTOMER#{name}", "{no}"), "CUSTOMER#Meierhof", ""),
        (("CUSTOMER#{name}", "{no}"), "0017", "0017"),
        (("O#{no}", "{no}"), "O#0017", "0017"),  # both keep it
        (("O#{no}", "{first}#{no}"), "O#0017", "0017"),  # and the other masks what is no part here
        (("O#{no}", "{first}#{no}"), "O#00#17", None),
        (("{no}", "{first}#{no}"), "O#0017", None),
        (("{name}#{other}", "{no}"), "O#00#17", ""),  # however it is divided, all is masked
    ],
)
def test_what_one_template_keeps_and_another_masks_is_refused(
    templates: tuple[str, ...], value: str, kept: str | None
) -> None:
    reads = rule("pk", "template", templates=templates, parts={"no": TemplatePart(Verb.KEEP)})
    if kept is None:
        with pytest.raises(Unmaskable, match="in more than one way") as caught:
            masked({"pk": {"S": value}}, reads)
        assert value not in str(caught.value)
    else:
        made = text(masked({"pk": {"S": value}}, reads), "pk")
        assert made.endswith(kept)
        assert kept or not any(word in made for word in ("Meierhof", "Schulzendorff", "0017"))
    mask = TableMask(KEY, [reads], "orders")
    found = {each for index, each in ItemLeaves(mask.tree).of({"pk": {"S": value}}) if index == -1}
    # Nothing of a value that is refused counts as kept.
    assert found - {value if kept else ""} == {"pk", *([kept] if kept else [])} - {value}


LITERALS = st.sampled_from(["", "a", "-", "ab", "--"])


BETWEEN = st.lists(st.sampled_from(["a", "-", "ab", "--", "a-"]), max_size=3)


@example("", ["a"], "", "aab")
@example("", ["a"], "", "baa")
@given(LITERALS, BETWEEN, LITERALS, st.text("ab-", max_size=9))
def test_a_template_divides_a_text_as_a_pattern_would(before: str, between: list[str], end: str, value: str) -> None:
    behind = (*between, end)
    template = split_template(before + "".join(f"{{p{n}}}{literal}" for n, literal in enumerate(behind)))
    pattern = re.escape(before) + "".join(f"(.+?){re.escape(literal)}" for literal in behind)
    match = re.compile(pattern, re.DOTALL).fullmatch(value)
    spans = template.spans(value)
    assert spans == (match and [match.span(n + 1) for n in range(len(behind))])
    if spans is None or match is None:
        return
    ways = {
        parts
        for parts in itertools.product({value[i:j] for i in range(len(value)) for j in range(i + 1, len(value) + 1)},
                                       repeat=len(behind))
        if before + "".join(part + literal for part, literal in zip(parts, behind, strict=True)) == value
    }  # fmt: skip
    assert template.is_unclear(value, spans) == (len(ways) > 1)


@pytest.mark.parametrize("template", ["CUSTOMER#", "{a}{b}", "{a}#{a}", "{a}#{", "{1}"])
def test_a_template_that_could_be_read_in_two_ways_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        split_template(template)


def test_json_in_a_string_has_rules_of_its_own_and_keeps_its_numbers() -> None:
    inside = (rule("email", form=Form.EMAIL, domain="email"), rule("n", "keep"), rule("list[*].x", "drop"))
    payload = rule("p", "json", rules=inside)
    long = "12345678901234567890.12345678901234567890"
    item: Item = {
        "p": {"S": f'{{"email": "a@b.example", "n": {long}, "list": [{{"x": 1}}]}}'},
        "e": {"S": "a@b.example"},
    }
    made = masked(item, payload, rule("e", form=Form.EMAIL, domain="email"))
    assert made["p"]["S"] == f'{{"email":"{made["e"]["S"]}","n":{long},"list":[{{}}]}}'


@pytest.mark.parametrize("value", ["no json", '{"a":1,"a":2}', "3", '"text"', '{"a":NaN}', "[" * 5000])
def test_a_string_that_is_no_json_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(Unmaskable) as caught:
        masked({"p": {"S": value}}, rule("p", "json", rules=(rule("*", "keep"),)))
    assert value not in str(caught.value)


def test_many_names_of_one_map_that_no_rule_names_are_data_and_stand_as_one() -> None:
    mask = TableMask(KEY, [rule("id", "keep")], "orders")
    tally = mask.tally()
    mask.masked({"m": {"M": {f"name{n:03}": {"S": "x"} for n in range(MOST_NAMES + 30)}}}, tally)
    shown = {spell_path(path): n for (path, _), n in tally.unnamed.shown().items()}
    assert shown == {"m.*": MOST_NAMES + 30}


def test_names_of_a_map_that_would_become_one_are_refused() -> None:
    """One of two values would be gone."""
    names = rule("m", form=Form.HEX, length=1, names=True)
    item: Item = {"m": {"M": {f"person{n}": {"S": str(n)} for n in range(17)}}}
    with pytest.raises(Unmaskable, match="two names of a map become one"):
        masked(item, names, rule("m.*", "keep"))


def test_json_in_json_is_masked_by_its_own_rules_however_deep() -> None:
    address = rule("email", form=Form.EMAIL, domain="email")
    wanted = masked({"email": {"S": "ada@example.com"}}, address)["email"]["S"]
    rules, text_of, value = (address,), json.dumps({"email": "ada@example.com"}), json.dumps({"email": wanted})
    for _ in range(4):
        payload = rule("p", "json", rules=rules)
        assert json.loads(str(masked({"p": {"S": text_of}}, payload)["p"]["S"])) == json.loads(value)
        rules, text_of, value = (payload,), json.dumps({"p": text_of}), json.dumps({"p": _compact(value)})


def _compact(text_of: str) -> str:
    return json.dumps(json.loads(text_of), separators=(",", ":"), ensure_ascii=False)


def test_json_that_is_a_list_has_rules_that_begin_with_its_elements() -> None:
    payload = rule("p", "json", rules=(rule("[*].email", form=Form.EMAIL, domain="email"), rule("[*].n", "keep")))
    wanted = masked({"p": {"S": "a@b.example"}}, rule("p", form=Form.EMAIL, domain="email"))["p"]["S"]
    made = masked({"p": {"S": '[{"email":"a@b.example","n":1},{"n":2}]'}}, payload)
    assert made["p"]["S"] == f'[{{"email":"{wanted}","n":1}},{{"n":2}}]'
    plain = rule("p", "json", rules=(rule("[*]", form=Form.EMAIL, domain="email"),))
    assert masked({"p": {"S": '["a@b.example"]'}}, plain)["p"]["S"] == f'["{wanted}"]'


def test_what_no_rule_names_inside_json_in_json_is_listed_with_its_whole_path() -> None:
    inner = rule("deep", "json", rules=(rule("a", "keep"),))
    mask = TableMask(KEY, [rule("p", "json", rules=(inner,))], "orders")
    tally = mask.tally()
    mask.masked({"p": {"S": json.dumps({"deep": json.dumps({"a": 1, "email": "ada@example.com"})})}}, tally)
    assert [(spell_path(path), kind) for path, kind in tally.unnamed.shown()] == [("p.deep.email", "S")]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_two_rules_for_one_path_inside_json_are_refused_unless_they_say_the_same(deep: bool, turned: bool) -> None:
    """One of them would win by its place in the file, perhaps the one that keeps."""
    pair = [rule("email", "keep"), rule("email", form=Form.EMAIL)]
    rules = tuple(reversed(pair) if turned else pair)
    wrong = rule("p", "json", rules=(rule("deep", "json", rules=rules),) if deep else rules)
    where = "deep" if deep else "p"
    with pytest.raises(ValueError, match=rf"two rules for the JSON at {where} say what becomes of email"):
        TableMask(KEY, [wrong], "orders")
    TableMask(KEY, [rule("p", "json", rules=(pair[1], pair[1], rule("*", "keep")))], "orders")


def test_the_order_of_rules_inside_json_means_nothing() -> None:
    rules = (rule("a", "keep"), rule("*", "drop"), rule("b.c", form=Form.HEX), rule("b", "keep"))
    value = {"p": {"S": json.dumps({"a": 1, "b": {"c": "x", "d": 2}, "e": 3})}}
    made = {str(masked(value, rule("p", "json", rules=some))) for some in itertools.permutations(rules)}
    assert len(made) == 1


def test_what_no_rule_names_inside_json_is_listed() -> None:
    mask = TableMask(KEY, [rule("p", "json", rules=(rule("a", "keep"),))], "orders")
    tally = mask.tally()
    mask.masked({"p": {"S": '{"a":1,"b":{"c":"x"}}'}}, tally)
    assert {(spell_path(path), kind): n for (path, kind), n in tally.unnamed.shown().items()} == {("p.b.c", "S"): 1}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({"S": "2024-02-29"}, r"\d{4}-\d\d-\d\d"),
        ({"S": "20240229"}, r"\d{8}"),
        ({"S": "2024-02-29T23:59:59.123+02:00"}, r"\d{4}-\d\d-\d\dT23:59:59.123\+02:00"),
        ({"N": "1700000000"}, r"\d{10}"),
        ({"N": "1700000000123"}, r"\d{13}"),
    ],
)
def test_a_date_is_shifted_by_days_in_its_own_spelling(value: dict[str, str], shape: str) -> None:
    made = masked({"d": value}, rule("d", "shift_date", days=30))
    ((kind, moved),) = made["d"].items()
    assert re.fullmatch(shape, moved)
    assert moved != value[kind]
    if kind == "N":
        scale = 1000 if len(value[kind]) == 13 else 1
        assert (int(moved) - int(value[kind])) % (86_400 * scale) == 0
        assert abs(int(moved) - int(value[kind])) <= 30 * 86_400 * scale


def test_dates_that_agree_in_by_keep_their_distance() -> None:
    rules = [rule("from", "shift_date", by="id", domain="stay"), rule("to", "shift_date", by="id", domain="stay")]
    made = masked(
        {"from": {"N": "1700000000"}, "to": {"N": "1700086400"}, "id": {"S": "7"}}, *rules, rule("id", "keep")
    )
    assert int(made["to"]["N"]) - int(made["from"]["N"]) == 86_400
    with pytest.raises(Unmaskable, match="has no id"):
        masked({"from": {"N": "1700000000"}}, *rules)


def test_names_of_a_map_can_be_masked_too() -> None:
    rules = [rule("m", names=True, form=Form.EMAIL, domain="email"), rule("m.*", "keep"),
             rule("e", form=Form.EMAIL, domain="email")]  # fmt: skip
    made = masked({"m": {"M": {"a@b.example": {"BOOL": True}}}, "e": {"S": "a@b.example"}}, *rules)
    assert made["m"] == {"M": {made["e"]["S"]: {"BOOL": True}}}


def test_attributes_of_replication_are_never_kept() -> None:
    mask = TableMask(KEY, [rule("*", "keep"), rule('"aws:rep:deleting"', "keep")], "orders")
    tally = mask.tally()
    assert mask.masked({"a": {"S": "x"}, "aws:rep:deleting": {"BOOL": False}}, tally) == {"a": {"S": "x"}}
    assert tally.replication == 1


def test_a_set_whose_members_merge_is_refused_for_a_pseudonym_and_shrinks_for_a_constant() -> None:
    with pytest.raises(Unmaskable, match="set"):
        masked({"a": {"SS": [str(n) for n in range(11)]}}, rule("a", form=Form.DIGITS, length=1))
    mask = TableMask(KEY, [rule("a", "constant", constant="x")], "orders")
    tally = mask.tally()
    assert mask.masked({"a": {"SS": ["one", "two"]}}, tally) == {"a": {"SS": ["x"]}}
    assert tally.shrunk == [1]


def test_what_no_rule_names_is_listed_by_path_and_type_without_contents() -> None:
    mask = TableMask(KEY, [rule("known", "keep"), rule("deep.known", "keep")], "orders")
    tally = mask.tally()
    made = mask.masked(
        {
            "known": {"M": {"whatever": {"S": "x"}}},
            "deep": {
                "M": {"known": {"S": "x"}, "list": {"L": [{"S": "x"}, {"N": "1"}]}, "ada@example.com": {"S": "x"}}
            },
            "binary": {"B": "AAEC"},
            "empty": {"M": {}},
        },
        tally,
    )
    found = {(spell_path(path), kind): n for (path, kind), n in tally.unnamed.shown().items()}
    assert found == {
        ("deep.list[*]", "S"): 1, ("deep.list[*]", "N"): 1, ("deep.*", "S"): 1, ("binary", "B"): 1, ("empty", "M"): 1,
    }  # fmt: skip
    assert "binary" not in made


def test_a_rule_for_one_type_does_not_name_another() -> None:
    mask = TableMask(KEY, [rule("a")], "orders")
    for value in ({"BOOL": True}, {"M": {"x": {"S": "1"}}}, {"L": [{"S": "1"}]}):
        tally = mask.tally()
        assert mask.masked({"a": value}, tally) == {}
        assert tally.unnamed


@given(st.permutations(range(5)))
def test_the_order_of_rules_does_not_matter(order: list[int]) -> None:
    rules = [
        rule("*.email", form=Form.EMAIL, domain="e"), rule("profile.name", form=Form.NAME), rule("profile", "keep"),
        MaskRule("orders", "id", Verb.KEEP), rule("id", form=Form.HEX),
    ]  # fmt: skip
    item: Item = {
        "profile": {"M": {"email": {"S": "x@y.example"}, "name": {"S": "Ada"}, "other": {"S": "o"}}}, "id": {"S": "7"},
        "more": {"M": {"email": {"S": "x@y.example"}}},
    }  # fmt: skip
    made = masked(item, *(rules[n] for n in order))
    assert made == masked(item, *rules)
    assert made["profile"]["M"]["email"] == made["more"]["M"]["email"] != {"S": "x@y.example"}
    assert made["profile"]["M"]["other"] == {"S": "o"}
    assert made["id"] == {"S": "7"}


def test_two_rules_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="two rules"):
        rules_of((MaskRule("ord*", "a", Verb.KEEP), MaskRule("*ers", "a", Verb.DROP)), "orders")
    with pytest.raises(ValueError, match="lies below"):
        TableMask(KEY, [rule("a", "drop"), rule("a.b", "keep")], "orders")


VALUES = st.recursive(
    st.one_of(
        st.builds(lambda v: {"S": v}, st.text(max_size=8)),
        st.builds(lambda v: {"N": str(v)}, st.integers()),
        st.builds(lambda v: {"BOOL": v}, st.booleans()),
        st.just({"B": "AAEC"}),
        st.builds(lambda v: {"SS": sorted(v)}, st.sets(st.text(max_size=4), min_size=1, max_size=3)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda v: {"L": v}, st.lists(inner, max_size=3)),
        st.builds(lambda v: {"M": v}, st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)),
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(st.text("abc", min_size=1, max_size=2), VALUES, max_size=5)


@given(ITEMS)
def test_every_value_is_either_named_or_listed_and_the_item_given_is_not_touched(item: Item) -> None:
    mask = TableMask(KEY, [rule("a", "keep"), rule("b", "null")], "orders")
    tally, before = mask.tally(), pickle.dumps(item)
    made = mask.masked(item, tally)
    assert pickle.dumps(item) == before
    assert {n: v for n, v in made.items() if n == "a"} == {n: v for n, v in item.items() if n == "a"}
    others = {name for name in item if name not in ("a", "b")}
    assert {path[0] for path, _ in tally.unnamed.shown()} == others


@given(
    st.sets(st.text(min_size=1, max_size=30), min_size=2, max_size=40),
    st.sampled_from([f for f in Form if f != "digits"]),
)
def test_distinct_values_have_distinct_pseudonyms(values: set[str], form: Form) -> None:
    made = {text(masked({"a": {"S": value}}, rule("a", form=form))) for value in values}
    assert len(made) == len(values)


def test_pseudonyms_of_many_values_stay_right_when_they_are_no_longer_remembered() -> None:
    mask = TableMask(KEY, [rule("a")], "orders")
    tally = mask.tally()
    first = mask.masked({"a": {"S": "first"}}, tally)
    for number in random.Random(1).sample(range(10**6), 20_001):
        mask.masked({"a": {"S": str(number)}}, tally)
    assert mask.masked({"a": {"S": "first"}}, tally) == first
    assert tally.counts == [20_003]


def test_a_key_shows_nothing_of_itself_and_a_short_one_is_refused() -> None:
    secret = b"marker-of-a-mask-key"
    assert b"marker" not in repr(MaskKey(secret)).encode() + str({"key": MaskKey(secret)}).encode()
    assert pickle.loads(pickle.dumps(MaskKey(secret))).mac(b"d", b"v") == MaskKey(secret).mac(b"d", b"v")
    with pytest.raises(ConfigError, match="at least 16 bytes, found 15"):
        MaskKey(b"fifteen bytes !")


def test_a_mac_is_hmac_of_sha256() -> None:
    import hmac

    for size in (16, 64, 65, 200):
        key = bytes(range(256))[:size]
        assert MaskKey(key).mac(b"domain", b"value") == hmac.digest(key, b"domain\0value", "sha256")


@given(
    st.lists(
        st.one_of(st.just("[*]"), st.text(min_size=1, max_size=6).filter(lambda t: t != "[*]")), min_size=1, max_size=4
    )
)
def test_any_path_can_be_spelled_and_read_again(names: list[str]) -> None:
    path = parse_path(spell_path((names[0].replace("[*]", "x"), *names[1:])))
    assert parse_path(spell_path(path)) == path


@pytest.mark.parametrize(
    "spelled", ["", ".a", "a.", "a..b", "[*].[*]", "a.[*]", "a b", "a*", "a[0]", '"x', "*a", 'a"b"']
)
def test_what_is_no_path_is_refused(spelled: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(spelled)


PUBLISHED = {
    Form.HEX: "3fc6f5a4cc8486567d829fc325d11842",
    Form.UUID: "3fc6f5a4-cc84-8656-9d82-9fc325d11842",
    Form.EMAIL: "3fc6f5a4cc8486567d829fc325d11842@example.invalid",
    Form.DIGITS: "471570035777037",
    Form.NAME: "Zenodugibu Gefefalotameno",
}


def _nested(depth: int, shape: str) -> Any:
    """A value in so many lists or maps, or JSON of it in a string."""
    if shape == "json":
        return {"S": '{"a":' + "[" * depth + '"ada@example.com"' + "]" * depth + "}"}
    held: Any = {"S": "ada@example.com"}
    for _ in range(depth):
        held = {"L": [held]} if shape == "L" else {"M": {"m": held}}
    return held


@pytest.mark.parametrize("shape", ["L", "M", "json"])
@pytest.mark.parametrize("verb", ["keep", "drop", "pseudonym", "none", "inside"])
@pytest.mark.few(5)
def test_however_deep_a_value_nests_it_is_masked_or_refused_and_looked_for(shape: str, verb: str) -> None:
    inside = {"json": rule("a", "drop" if verb == "drop" else "keep"), "L": rule("p[*][*]", "keep")}
    rules: tuple[MaskRule, ...] = (rule("p", verb),) if verb in ("keep", "drop", "pseudonym") else ()
    if shape == "json":
        rules = (rule("p", "json", rules=(inside["json"],)),)
    elif verb == "inside":
        rules = (inside.get(shape) or rule("p.*.m", "keep"),)
    mask = TableMask(KEY, rules, "orders")
    for depth in (1, 30, 41, 99, 101, 300, 480, 700, 960, 1_020, 5_000, 100_000):
        item = {"p": _nested(depth, shape)}
        with suppress(Unmaskable):
            mask.masked(item, mask.tally())
        found = {text for _, text in ItemLeaves(mask.tree).of(item)}
        assert shape == "json" or "ada@example.com" in found


EQUAL_RIGHT = [
    (("*", "*.b", "keep"), ("*", "a.*", "pseudonym"), "a.b"),
    (("*", "email", "keep"), ("orders", "*", "pseudonym"), "email"),
    (("*", "*.*.c", "keep"), ("*", "a.*.*", "drop"), "a.*.c"),
    (("*", "a.b", "keep"), ("orders", "*.b", "null"), "a.b"),
    (("*", "a[*].*.c", "keep"), ("*", "*[*].b.*", "drop"), "a[*].b.c"),
    (("ord*", "*.b", "keep"), ("*", "a.*", "pseudonym"), "a.b"),
]


@pytest.mark.parametrize(("keeps", "hides", "place"), EQUAL_RIGHT)
def test_of_two_rules_of_equal_right_neither_is_taken_to_keep(keeps: Any, hides: Any, place: str) -> None:
    """What the one masks was kept by the other, and nothing said so."""
    two = [MaskRule(table, path, Verb(verb)) for table, path, verb in (keeps, hides)]
    for rules in (two, two[::-1]):
        with pytest.raises(ValueError, match=re.escape(f"that are for {place}, {hides[1]} (table")) as caught:
            TableMask(KEY, rules, "orders")
        assert keeps[1] in str(caught.value)
        for verb in (Verb.KEEP, Verb.NULL):  # another one that says which is what the words ask for
            TableMask(KEY, [*rules, MaskRule("orders", place, verb)], "orders")
    if keeps[0] == hides[0] == "*":
        inside = MaskRule("*", "p", Verb.JSON, rules=tuple(two))
        with pytest.raises(ValueError, match="neither is more specific"):
            TableMask(KEY, [inside], "orders")


@pytest.mark.parametrize(
    "rules",
    [
        [("*", "a.b", "keep"), ("*", "*.b", "null"), ("*", "a.*", "null")],
        [("orders", "a", "keep"), ("*", "*", "null")],
        [("orders", "a", "keep"), ("*", "*", "null"), ("orders", "*", "keep")],
        [("*", "a", "null"), ("orders", "*", "keep")],
        [("*", "*.b", "null"), ("*", "a.*", "keep"), ("*", "a.b", "null")],
        [("*", "*.b", "null"), ("*", "profile", "keep")],
        [("*", "a[*]", "keep"), ("*", "a.*", "null")],
        [("*", "*[*]", "keep"), ("*", "a.*", "null")],
    ],
)
def test_what_is_more_specific_in_every_respect_is_taken(rules: list[tuple[str, str, str]]) -> None:
    TableMask(KEY, [MaskRule(table, path, Verb(verb)) for table, path, verb in rules], "orders")


STEP = st.sampled_from(["a", "b", "*"])
RULE = st.tuples(st.sampled_from(["orders", "*"]), st.tuples(STEP, STEP, STEP), st.sampled_from(["keep", "null"]))


@given(st.lists(RULE, min_size=2, max_size=6))
def test_what_is_kept_is_kept_by_a_rule_that_no_masking_one_is_more_specific_than(rules: list[Any]) -> None:
    made = [MaskRule(table, ".".join(steps), Verb(verb)) for table, steps, verb in rules]
    try:
        mask = TableMask(KEY, made, "orders")
    except ValueError:
        return
    names = ("a", "b", "c")
    item: Item = {x: {"M": {y: {"M": {z: {"S": "raw"} for z in names}} for y in names}} for x in names}
    written = mask.masked(item, mask.tally())
    for place in itertools.product(names, repeat=3):
        x, y, z = place
        kept = written[x]["M"].get(y, {"M": {}})["M"].get(z) if x in written else None
        if kept != {"S": "raw"}:
            continue
        here = [each for each in rules if all(s in ("*", name) for s, name in zip(each[1], place, strict=True))]
        keeping = [each for each in here if each[2] == "keep"]
        for table, steps, verb in here:
            assert verb == "keep" or any(
                (own == "orders" or table == "*")
                and all(one == other or other == "*" for one, other in zip(path, steps, strict=True))
                and (own, path) != (table, steps)
                for own, path, _ in keeping
            )
