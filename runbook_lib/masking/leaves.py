"""The texts of a raw item, each with the rule that it falls under: what a scan looks for, and what it may find."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterator

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Attribute, Item, canonical_number
from runbook_lib.masking.json_text import NotJson, read_json_text
from runbook_lib.masking.rules import TemplateReader, Verb, split_template
from runbook_lib.masking.tree import MaskNode, MaskTree
from runbook_lib.masking.verbs import constant_attribute

KEPT = -1
UNRULED = -2  # of no rule: never written as it is, for a filter or a hook stands before the mask
Leaf = tuple[int, str]  # the number of a rule whose values may not be in a target, or KEPT, or UNRULED


class ItemLeaves:
    """Takes items of one table apart by the rules of its mask."""

    def __init__(self, tree: MaskTree) -> None:
        self._tree = tree
        self._sought = [rule.is_sought for rule in tree.rules]
        self._readers = [TemplateReader(rule) for rule in tree.rules]
        self._constants = [_constant_text(rule.constant) for rule in tree.rules]

    def of(self, item: Item) -> Iterator[Leaf]:
        """Every text of an item: values, parts of values, and names."""
        yield from self._map(self._tree.root, item)

    def written(self) -> Iterator[str]:
        """Texts that the mask itself puts into a target: constants, and what stands between the parts of templates."""
        for rule in self._tree.rules:
            if (constant := _constant_text(rule.constant)) is not None:
                yield constant
            for template in rule.templates:
                yield from split_template(template).literals

    def _map(self, node: MaskNode, members: dict[str, Attribute]) -> Iterator[Leaf]:
        names, renamed = node.names, node.rename is not None
        for name, attribute in members.items():
            # A name that no rule spells is a person's, as a value is: `contacts.*` may be written by address.
            spelled = name in names or (node.any_name is None and node.verb is Verb.KEEP)
            yield (node.rename_index if renamed else KEPT if spelled else UNRULED), name
            below = names.get(name) or node.any_name
            if below is None:
                yield from _all_of(attribute, KEPT if node.verb is Verb.KEEP else UNRULED)
            else:
                yield from self._value(below, attribute)

    def _value(self, node: MaskNode, attribute: Attribute) -> Iterator[Leaf]:
        ((kind, value),) = attribute.items()
        if node.inside is not None and kind == "S":
            yield from self._json(node, node.inside, value)
        elif kind == "M" and (node.action is None or not node.is_leaf):
            yield from self._map(node, value)
        elif kind == "L" and node.each is not None:
            for element in value:
                yield from self._value(node.each, element)
        elif node.verb is None:
            yield from _all_of(attribute, UNRULED)
        elif not self._sought[node.index]:
            yield from _all_of(attribute, KEPT)
        elif node.verb is Verb.TEMPLATE:
            for _, text in _all_of(attribute, KEPT):
                yield from self._parts(node.index, text)
        else:
            yield from _all_of(attribute, node.index)

    def _json(self, node: MaskNode, inside: MaskNode, text: str) -> Iterator[Leaf]:
        """A JSON text and what it holds; one in which nothing is masked may be written letter by letter."""
        try:
            held = read_json_text(text)
        except NotJson:
            held = {}
        leaves = list(self._in_json(inside, held))
        if not held.keys() & {"M", "L"} or any(self._hides(index, part) for index, part in leaves):
            yield node.index, text
        else:  # what no rule spells in it is not kept, and neither is the text around it
            yield (UNRULED if any(index == UNRULED for index, _ in leaves) else KEPT), text
        yield from leaves

    def _in_json(self, inside: MaskNode, held: Attribute) -> Iterator[Leaf]:
        if "M" in held:
            yield from self._map(inside, held["M"])
        for element in held.get("L", ()):
            yield from _all_of(element, UNRULED) if inside.each is None else self._value(inside.each, element)

    def _hides(self, index: int, text: str) -> bool:
        """Whether a rule makes something else of a text."""
        return index >= 0 and text not in ("", self._constants[index])

    def _parts(self, index: int, text: str) -> Iterator[Leaf]:
        """A text that a template takes apart; one of which every part is kept stays as it is.

        One of which nobody knows what is kept is not written at all.
        """
        reader = self._readers[index]
        read = reader.read(text)
        if read is None or read.is_unclear:
            yield index, text
            return
        leaves = [
            (KEPT if reader.is_kept(read.number, part) else index, text[start:end])
            for part, (start, end) in enumerate(read.spans)
        ]
        yield (KEPT if all(each == KEPT for each, _ in leaves) else index), text
        yield from leaves


def _constant_text(constant: str | float | bool | None) -> str | None:
    """A constant as a leaf says it; None for one that is no text and no number."""
    if constant is None or isinstance(constant, bool):
        return None
    return str(next(iter(constant_attribute(constant).values())))


def _number(spelled: str) -> str:
    """A number as DynamoDB spells it; as it stands where it is none of DynamoDB's, as one in a JSON text may be."""
    try:
        return canonical_number(spelled)
    except CorruptFile:
        return spelled


def _all_of(attribute: Attribute, index: int) -> Iterator[Leaf]:
    """Every text in an attribute, however deep it nests: what no mask takes is looked for all the same."""
    waiting = [attribute]
    while waiting:
        ((kind, value),) = waiting.pop().items()
        match kind:
            case "S":
                yield index, value
            case "N":
                yield index, _number(value)
            case "B":
                yield from _binary(value, index)
            case "SS":
                yield from ((index, member) for member in value)
            case "NS":
                yield from ((index, _number(member)) for member in value)
            case "BS":
                for member in value:
                    yield from _binary(member, index)
            case "M":
                yield from ((index, name) for name in value)
                waiting += value.values()
            case "L":
                waiting += value


def _binary(value: str, index: int) -> Iterator[Leaf]:
    """Bytes as their Base64, and as the text that they are, or in hexadecimal if they are none."""
    yield index, value
    try:
        data = a2b_base64(value)
    except ValueError:
        return
    try:
        yield index, data.decode()
    except ValueError:
        yield index, data.hex()
