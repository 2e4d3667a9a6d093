"""Masking items: each value by the rule for its path; a value that no rule names blocks.

The inner loop of a transform: a value that is kept is passed on as it is, and only maps and
lists that rules look into are made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.json_text import NotJson, read_json_text, spell_json_text
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.paths import Path, Wild
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.rules import MaskRule, Verb, rules_of
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.masking.tree import MaskNode, Note, mask_tree
from runbook_lib.masking.verbs import SETS, Merged, Unmaskable, Unnamed

REPLICATION = "aws:rep:"  # attributes of global tables of 2017: what writes them harms the replication
DEEPEST = 40  # DynamoDB nests 32 deep


@dataclass(slots=True)
class MaskTally:
    """What a mask did: values by the number of their rule, attributes dropped, and what no rule names.

    `replication` are attributes of replication, which are never written.
    """

    counts: list[int]
    dropped: list[int]
    shrunk: list[int]
    unnamed: UnnamedCount = field(default_factory=UnnamedCount)
    replication: int = 0


class TableMask:
    """The mask of one table; it has no state but the pseudonyms that it remembers."""

    def __init__(self, key: MaskKey, rules: Sequence[MaskRule], table: str, note: Note | None = None) -> None:
        self._made_of = key, tuple(rules), table
        self.tree = mask_tree(key, rules_of(tuple(rules), table), note)
        self._root = self.tree.root
        for name in [name for name in self._root.names if name.startswith(REPLICATION)]:
            del self._root.names[name]  # never written, whatever a rule says

    def watched(self, note: Note) -> TableMask:
        """The same mask, which tells of each value and what it makes of it."""
        return TableMask(*self._made_of, note)

    @property
    def rules(self) -> tuple[MaskRule, ...]:
        return self.tree.rules

    def refuse_lost_keys(self, keys: Iterable[str]) -> None:
        """Raise ValueError where a rule would leave every item without one of these attributes."""
        for name in keys:
            rule = self._rule_of(name)
            if rule is not None and rule.verb in (Verb.DROP, Verb.NULL):
                raise ValueError(
                    f"{name} is a key of the table, and its rule (table {rule.told_table}) is {rule.verb}: no item "
                    "would have a key; mask it with a pseudonym or a template"
                )

    def keeps_apart(self, name: str, kind: str) -> bool:
        """Whether two values of an attribute stay two, whatever else their items hold."""
        rule = self._rule_of(name)
        verbs = (Verb.KEEP, Verb.PSEUDONYM, Verb.TEMPLATE)
        return rule is not None and rule.verb in verbs and not self.may_merge(name, kind)

    def _rule_of(self, name: str) -> MaskRule | None:
        node = self._root.names.get(name) or self._root.any_name
        return self.rules[node.index] if node is not None and node.index >= 0 else None

    def may_merge(self, name: str, kind: str) -> bool:
        """Whether two values of an attribute could become one: where pseudonyms have few digits, or a chosen length."""
        rule = self._rule_of(name)
        if rule is None or rule.verb not in (Verb.PSEUDONYM, Verb.TEMPLATE):
            return False
        forms = {rule.form, *(part.form for part in rule.parts.values())}
        return Form.DIGITS in forms or rule.length is not None or kind == "N"

    def tally(self) -> MaskTally:
        """An empty tally for this mask."""
        size = len(self.rules)
        return MaskTally([0] * size, [0] * size, [0] * size)

    def masked(self, item: Item, tally: MaskTally) -> Item:
        """The item, masked; the one that was given is not touched.

        Raises Unmaskable for one with a value that its rule cannot mask. What no rule names is counted and left out.
        """
        try:
            return _map(self._root, item, tally, item, ())
        except (CorruptFile, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            # its message may quote the value
            raise Unmaskable("the item is not as DynamoDB writes it, or nested deeper than it allows") from None


def _map(node: MaskNode, members: dict[str, Attribute], tally: MaskTally, item: Item, path: Path) -> dict[str, Any]:
    made: dict[str, Any] = {}
    names, any_name, kept = node.names, node.any_name, node.verb is Verb.KEEP
    rename, counts = node.rename, tally.counts
    are_met = False
    for name, attribute in members.items():
        below = names.get(name)
        if below is None:
            if not path and name.startswith(REPLICATION):
                tally.replication += 1
                continue
            below = any_name
        if below is not None and below.is_plain and rename is None:
            counts[below.index] += 1
            made[name] = attribute
            continue
        if below is None:
            if not kept:
                if not are_met:
                    tally.unnamed.meet(path, [each for each in members if each not in names])
                    are_met = True
                _unnamed(attribute, tally, (*path, name))
                continue
            changed: Attribute | None = attribute
        else:
            step = name if name in names else Wild.NAME  # where a rule is for any name, names are data
            changed = _value(below, attribute, tally, item, path, step, kept)
        if changed is not None:
            if rename is not None:
                counts[node.rename_index] += 1
                name = rename(name)
                if name in made:
                    raise Unmaskable("two names of a map become one")
            made[name] = changed
    return made


def _value(
    node: MaskNode, attribute: Attribute, tally: MaskTally, item: Item, path: Path, step: str | Wild, kept: bool
) -> Attribute | None:
    ((kind, value),) = attribute.items()
    action = node.action
    if action is not None:
        if node.verb is Verb.KEEP and kind in ("M", "L") and not node.is_leaf:
            return _inside(node, kind, value, tally, item, (*path, step))
        try:
            changed = action(kind, value, item)
        except Unnamed:
            _unnamed(attribute, tally, (*path, step))
            return None
        except Merged:
            tally.shrunk[node.index] += 1
            raise Unmaskable("members of a set become one pseudonym") from None
        tally.counts[node.index] += 1
        if changed is None:
            tally.dropped[node.index] += 1
        elif kind in SETS and kind in changed and len(changed[kind]) != len(value):
            tally.shrunk[node.index] += 1
        return changed
    if node.inside is not None:
        return _json(node, node.inside, attribute, tally, (*path, step))
    if kind in ("M", "L"):
        return _inside(node, kind, value, tally, item, (*path, step))
    if kept or (kind == "NULL" and not node.is_leaf):  # as an empty map where rules are for what would be in it
        return attribute
    _unnamed(attribute, tally, (*path, step))
    return None


def _inside(node: MaskNode, kind: str, value: Any, tally: MaskTally, item: Item, path: Path) -> Attribute:
    if len(path) > DEEPEST:
        raise RecursionError
    if kind == "M":
        return {"M": _map(node, value, tally, item, path)}
    kept, each = node.verb is Verb.KEEP, node.each
    if each is None:
        if not kept:
            for element in value:
                _unnamed(element, tally, (*path, Wild.EACH))
        return {"L": value}
    made = (_value(each, element, tally, item, path, Wild.EACH, kept) for element in value)
    return {"L": [element for element in made if element is not None]}


def _json(node: MaskNode, inside: MaskNode, attribute: Attribute, tally: MaskTally, path: Path) -> Attribute | None:
    """JSON in a string: an object or a list of them, each by the rules for it."""
    ((kind, text),) = attribute.items()
    if kind == "NULL":
        return attribute
    if kind != "S":
        _unnamed(attribute, tally, path)
        return None
    try:
        held = read_json_text(text)
    except NotJson:
        raise Unmaskable("a value whose rule is json is no JSON, or nests too deep") from None
    tally.counts[node.index] += 1
    if "M" in held:
        made: Attribute = {"M": _map(inside, held["M"], tally, held["M"], path)}
    elif "L" in held:
        made = _inside(inside, "L", held["L"], tally, {}, path)
    else:
        raise Unmaskable("a value whose rule is json is neither an object nor a list")
    return {"S": spell_json_text(made)}


def _unnamed(attribute: Attribute, tally: MaskTally, path: Path) -> None:
    """Count each value in an attribute that no rule names."""
    ((kind, value),) = attribute.items()
    if len(path) > DEEPEST:
        raise RecursionError
    if kind == "M" and value:
        tally.unnamed.meet(path, value)
        for name, held in value.items():
            _unnamed(held, tally, (*path, name))
    elif kind == "L" and value:
        for element in value:
            _unnamed(element, tally, (*path, Wild.EACH))
    else:
        tally.unnamed.note(path, kind)
