"""Reading a filter: DynamoDB's condition expressions, as far as docs/masking.md lists them.

Source: "Condition and filter expressions, operators, and functions in DynamoDB", Developer Guide. Precedence:
comparisons, BETWEEN and IN, then NOT, then AND, then OR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.expression.tokens import Kind, Token, split_expression
from runbook_lib.masking.expression.typed import TYPES, typed_value
from runbook_lib.masking.expression.values import (
    are_equal,
    begins,
    counted_size,
    holds,
    ordered,
)

ItemTest = Callable[[Item], bool]
Operand = Callable[[Item], "Attribute | None"]
COMPARED: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
FUNCTIONS = ("attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains")
LONGEST, DEEPEST = 4096, 60


def parse_filter(text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> ItemTest:
    """What a filter says of an item; raises ValueError for one that is not of the subset, saying where.

    `names` are those for `#`, `values` those for `:`; each has to be used, and each used one to be there.
    """
    if len(text.encode()) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST:,} bytes")
    parser = _Parser(split_expression(text), names, {name: typed_value(value) for name, value in values.items()})
    test = parser.any_of(0)
    parser.expect_end()
    if unused := sorted((names.keys() | values.keys()) - parser.used):
        raise ValueError(f"{', '.join(unused)} is not used in the expression")
    return test


class _Parser:
    def __init__(self, tokens: list[Token], names: Mapping[str, str], values: Mapping[str, Attribute]) -> None:
        self.tokens, self.names, self.values = tokens, names, values
        self.at, self.used = 0, set[str]()

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        if self.here.text in texts and self.here.kind in (Kind.SIGN, Kind.KEYWORD):
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.unlike(repr(text))

    def unlike(self, expected: str) -> ValueError:
        found = repr(self.here.text) if self.here.kind is not Kind.END else "its end"
        return ValueError(f"character {self.here.at + 1}: expected {expected}, found {found}")

    def expect_end(self) -> None:
        if self.here.kind is not Kind.END:
            raise self.unlike("the end, AND or OR")

    def any_of(self, depth: int) -> ItemTest:
        tests = [self.all_of(depth)]
        while self.take("OR"):
            tests.append(self.all_of(depth))
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def all_of(self, depth: int) -> ItemTest:
        tests = [self.negated(depth)]
        while self.take("AND"):
            tests.append(self.negated(depth))
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def negated(self, depth: int) -> ItemTest:
        if depth > DEEPEST:
            raise ValueError(f"an expression nests at most {DEEPEST} deep")
        if self.take("NOT"):
            test = self.negated(depth + 1)
            return lambda item: not test(item)
        return self.condition(depth)

    def condition(self, depth: int) -> ItemTest:
        if self.take("("):
            test = self.any_of(depth + 1)
            self.need(")")
            return test
        if self.here.text in FUNCTIONS and self.tokens[self.at + 1].text == "(":
            return self.function()
        return self.comparison(self.operand())

    def comparison(self, left: Operand) -> ItemTest:
        for sign, allows in COMPARED.items():
            if self.take(sign):
                return _compared(left, self.operand(), allows)
        if self.take("="):
            right = self.operand()
            return lambda item: _same(left(item), right(item))
        if self.take("<>"):
            right = self.operand()
            return lambda item: not _same(left(item), right(item))
        if self.take("BETWEEN"):
            first, low = self.here, self.operand()
            self.need("AND")
            second, high = self.here, self.operand()
            self._refuse_turned(first, second)
            least, most = _compared(left, low, COMPARED[">="]), _compared(left, high, COMPARED["<="])
            return lambda item: least(item) and most(item)
        if self.take("IN"):
            self.need("(")
            choices = [self.operand()]
            while self.take(","):
                choices.append(self.operand())
            self.need(")")
            return lambda item: any(_same(left(item), choice(item)) for choice in choices)
        raise self.unlike("a comparison, BETWEEN or IN")

    def function(self) -> ItemTest:
        name = self.here.text
        self.at += 1
        self.need("(")
        start = self.at
        path = self.path()
        if name == "attribute_exists" or name == "attribute_not_exists":
            self.need(")")
            return (lambda item: path(item) is not None) if name == "attribute_exists" else lambda i: path(i) is None
        self.need(",")
        if name == "attribute_type":
            kind = self.type_name()
            self.need(")")
            return lambda item: kind in (path(item) or ())
        begin = self.at
        part, looks = self.operand(), begins if name == "begins_with" else holds
        if name == "contains" and _words(self.tokens[begin : self.at]) == _words(self.tokens[start : begin - 1]):
            raise ValueError(f"character {self.tokens[begin].at + 1}: contains needs two different operands")
        self.need(")")
        return lambda item: _both(path(item), part(item), looks)

    def _refuse_turned(self, first: Token, second: Token) -> None:
        """BETWEEN two values of which the first is the larger one, which DynamoDB refuses: no item would be in it."""
        if first.kind is second.kind is Kind.VALUE:
            order = ordered(self.values[first.text], self.values[second.text])
            if order is None or order > 0:
                raise ValueError(
                    f"character {first.at + 1}: BETWEEN needs two values of one type, the smaller one first; found "
                    f"{first.text} and {second.text}"
                )

    def type_name(self) -> str:
        token, value = self.here, self.value()
        kind = value.get("S")
        if kind not in TYPES:
            raise ValueError(f"character {token.at + 1}: {token.text} should be the name of a type, like S or BOOL")
        return str(kind)

    def operand(self) -> Operand:
        if self.here.kind is Kind.VALUE:
            value = self.value()
            return lambda item: value
        if self.here.text == "size" and self.tokens[self.at + 1].text == "(":
            self.at += 2
            path = self.path()
            self.need(")")
            return lambda item: None if (held := path(item)) is None else counted_size(held)
        return self.path()

    def value(self) -> Attribute:
        token = self.here
        if token.kind is not Kind.VALUE:
            raise self.unlike("a value, like :v")
        if token.text not in self.values:
            raise ValueError(f"{token.text} is not among the values")
        self.at += 1
        self.used.add(token.text)
        return self.values[token.text]

    def path(self) -> Operand:
        steps: list[str | int] = [self.name()]
        while True:
            if self.take("."):
                steps.append(self.name())
            elif self.take("["):
                if self.here.kind is not Kind.NUMBER:
                    raise self.unlike("the number of an element")
                steps.append(int(self.here.text))
                self.at += 1
                self.need("]")
            else:
                return lambda item: _at(item, steps)

    def name(self) -> str:
        token = self.here
        if token.kind is not Kind.NAME:
            raise self.unlike("a name or a function")
        self.at += 1
        if token.text[:1] != "#":
            return token.text
        if token.text not in self.names:
            raise ValueError(f"{token.text} is not among the names")
        self.used.add(token.text)
        return self.names[token.text]


def _words(tokens: list[Token]) -> list[str]:
    return [token.text for token in tokens]


def _at(item: Item, steps: list[str | int]) -> Attribute | None:
    held: Attribute | None = {"M": item}
    for step in steps:
        if held is None:
            return None
        if isinstance(step, int):
            elements = held.get("L", ())
            held = elements[step] if step < len(elements) else None
        else:
            held = held.get("M", {}).get(step)
    return held


def _compared(left: Operand, right: Operand, allows: Callable[[int], bool]) -> ItemTest:
    def test(item: Item) -> bool:
        one, other = left(item), right(item)
        order = None if one is None or other is None else ordered(one, other)
        return order is not None and allows(order)

    return test


def _same(left: Attribute | None, right: Attribute | None) -> bool:
    return left is not None and right is not None and are_equal(left, right)


def _both(one: Attribute | None, other: Attribute | None, looks: Callable[[Attribute, Attribute], bool]) -> bool:
    return one is not None and other is not None and looks(one, other)
