"""What each verb makes of a value, as functions of its type and the value; nothing else of the mask is known here."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any

from runbook_lib.items.canonical import Attribute, Item, canonical_number
from runbook_lib.masking.dates import days_of, shift_number, shift_text
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.pseudonyms import MOST_DIGITS, SPELLED, Form, number_pseudonym
from runbook_lib.masking.rules import MaskRule, TemplateReader, Verb

Action = Callable[[str, Any, Item], "Attribute | None"]  # None drops the attribute
Text = Callable[[str], str]
SETS = {"SS": "S", "NS": "N", "BS": "B"}
NULL: Attribute = {"NULL": True}
REMEMBERED = 20_000  # pseudonyms of a rule that are kept: values repeat


class Unmaskable(Exception):
    """An item whose value a rule cannot mask; the text says why and never shows the value."""


class Unnamed(Exception):
    """A value of a type that the rule for its path says nothing of."""


class Merged(Exception):
    """Members of a set that became one."""


def keep(kind: str, value: Any, item: Item) -> Attribute | None:
    """The value as it is."""
    return {kind: value}


def drop(kind: str, value: Any, item: Item) -> Attribute | None:
    """Nothing."""
    return None


def make_null(kind: str, value: Any, item: Item) -> Attribute | None:
    """NULL, whatever it was."""
    return NULL


def constant_attribute(constant: str | float | bool | None) -> Attribute:
    """A constant of a rule as it is written."""
    if isinstance(constant, bool):
        return {"BOOL": constant}
    if isinstance(constant, int | float):
        return {"N": canonical_number(repr(constant))}
    return {"S": str(constant)}


def constant_action(constant: Any) -> Action:
    """The same value for all; a set becomes a set of one where the value may be its member."""
    made = constant_attribute(constant)
    ((own, spelled),) = made.items()

    def act(kind: str, value: Any, item: Item) -> Attribute | None:
        return {kind: [spelled]} if SETS.get(kind) == own else made

    return act


def pseudonym_action(key: MaskKey, rule: MaskRule) -> Action:
    """A pseudonym of the same type; members of a set each by themselves."""
    text = text_pseudonym(key, rule.domain or rule.path, rule.form or Form.HEX, rule.length)
    number, binary = _number(key, rule), _binary(key, rule)
    of_kind: dict[str, Text] = {"S": text, "N": number, "B": binary}

    def act(kind: str, value: Any, item: Item) -> Attribute | None:
        if kind == "S":
            return {"S": text(value)} if value else {kind: value}
        if kind in of_kind:
            return {kind: of_kind[kind](value)}
        if kind == "NULL":
            return {kind: value}
        if kind not in SETS:
            raise Unnamed
        members = [of_kind[SETS[kind]](member) for member in value]
        if len(set(members)) != len(set(value)):
            raise Merged
        return {kind: members}

    return act


def text_pseudonym(key: MaskKey, domain: str, form: Form, length: int | None) -> Text:
    """Pseudonyms of texts, the last ones remembered."""
    spell, place, known = SPELLED[form], domain.encode(), dict[str, str]()

    def of(text: str) -> str:
        made = known.get(text)
        if made is None:
            if len(known) >= REMEMBERED:
                known.clear()
            made = known[text] = spell(key.mac(place, text.encode("utf-8", "surrogatepass")), text, length)
        return made

    return of


def _number(key: MaskKey, rule: MaskRule) -> Text:
    place = (rule.domain or rule.path).encode()

    def of(text: str) -> str:
        if (rule.length or 0) > MOST_DIGITS:
            raise Unmaskable(f"a number has at most {MOST_DIGITS} digits, and the rule for {rule.path} asks for more")
        plain = canonical_number(text)
        return number_pseudonym(key.mac(place, plain.encode()), plain, rule.length)

    return of


def _binary(key: MaskKey, rule: MaskRule) -> Text:
    place = (rule.domain or rule.path).encode()

    def of(value: str) -> str:
        return b2a_base64(key.mac(place, a2b_base64(value)), newline=False).decode()

    return of


def template_action(key: MaskKey, rule: MaskRule) -> Action:
    """Pseudonyms in the places of the first template that the text has the shape of, if no other keeps less."""
    reader = TemplateReader(rule)
    changes: list[list[Text | None]] = []
    for number, template in enumerate(reader.templates):
        made: list[Text | None] = []
        for at, name in enumerate(template.parts):
            part = rule.parts.get(name)
            form = (part.form if part else None) or rule.form or Form.HEX
            domain = (part.domain if part else None) or rule.domain or name
            kept = reader.is_kept(number, at)
            made.append(None if kept else text_pseudonym(key, domain, form, rule.length))
        changes.append(made)

    def spell(text: str) -> str:
        read = reader.read(text)
        if read is None:
            raise Unmaskable(f"a value at {rule.path} has the shape of no template of its rule")
        if read.is_unclear:
            raise Unmaskable(
                f"a value at {rule.path} fits the templates of its rule in more than one way, and part of it is kept: "
                "nobody knows which part"
            )
        template = reader.templates[read.number]
        spelled = [template.before]
        for change, behind, (start, end) in zip(changes[read.number], template.behind, read.spans, strict=True):
            said = text[start:end]
            spelled += (said if change is None else change(said), behind)
        return "".join(spelled)

    def act(kind: str, value: Any, item: Item) -> Attribute | None:
        if kind == "S":
            return {"S": spell(value)}
        if kind == "NULL":
            return {kind: value}
        if kind != "SS":
            raise Unnamed
        members = [spell(member) for member in value]
        if len(set(members)) != len(members):
            raise Merged
        return {"SS": members}

    return act


def shift_action(key: MaskKey, rule: MaskRule) -> Action:
    """A date moved by the same number of days for all values of a domain, or for all that agree in `by`."""
    place = (rule.domain or rule.path).encode()

    def days(item: Item) -> int:
        told = b""
        if rule.by is not None:
            holder = item.get(rule.by)
            if not holder or not isinstance(value := next(iter(holder.values())), str):
                raise Unmaskable(f"the item has no {rule.by}, by which the dates at {rule.path} are shifted")
            told = value.encode("utf-8", "surrogatepass")
        return days_of(key.mac(place + b"\0days", told), rule.days)

    def act(kind: str, value: Any, item: Item) -> Attribute | None:
        if kind == "NULL":
            return {kind: value}
        if kind not in ("S", "N"):
            raise Unnamed
        try:
            moved = shift_text(value, days(item)) if kind == "S" else shift_number(value, days(item))
        except (ValueError, OverflowError):
            raise Unmaskable(f"a value at {rule.path} is no date that can be shifted") from None
        return {kind: moved}

    return act


def action_of(key: MaskKey, rule: MaskRule) -> Action:
    """What a rule does with one value; JSON in strings is `masker`'s."""
    match rule.verb:
        case Verb.KEEP:
            return keep
        case Verb.DROP:
            return drop
        case Verb.NULL:
            return make_null
        case Verb.CONSTANT:
            return constant_action(rule.constant)
        case Verb.PSEUDONYM:
            return pseudonym_action(key, rule)
        case Verb.TEMPLATE:
            return template_action(key, rule)
        case Verb.SHIFT_DATE:
            return shift_action(key, rule)
        case Verb.JSON:
            raise ValueError("JSON in strings has rules of its own")
