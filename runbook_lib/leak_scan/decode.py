"""What a text or bytes may hide: one step of unpacking at a time."""

from __future__ import annotations

import html
import re
import sys
from binascii import unhexlify
from collections.abc import Callable, Collection, Iterable, Iterator
from string import ascii_letters, digits

from runbook_lib.leak_scan.budget import Budget
from runbook_lib.leak_scan.packed import (
    LEAST_PACKED,
    is_packed_or_text,
    is_worth_a_look,
    readings,
    run_budget,
    that_may_hide,
)

ESCAPED = "JSON in a string"
MARKS = ("%", "\\", "&", "\n", "xn--")  # of a text that may have to be taken apart as a whole
LONGEST_LABEL = 256  # characters: those of a domain have 63 at most, and decoding takes the square of their number
MOST_NOTHING = 100_000  # runs that are remembered to hide nothing
LONG_CODE, NO_CHARACTER = 8, "\ufffd"  # digits, in whichever base
LONGEST_NOTHING = 256  # characters of such a run: longer ones do not come twice, and may have megabytes
# Of JSON, programs, Markdown, vCard and LDAP: four, eight or two hexadecimal digits, some in braces, or octal ones.
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|[ux]\{([0-9a-fA-F]{1,8})\}"
    r"|([0-7]{1,3})|o\{([0-7]{1,7})\}|([abefnrtv \x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]))"
)
_BASES = (16, 16, 16, 16, 8, 8)
_SHORT = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CODED = re.compile(rf"&#(?:([0-9]{{{LONG_CODE},}})|[xX]([0-9a-fA-F]{{{LONG_CODE},}}))")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]+")
_BYTE_BY_BYTE = re.compile("(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+")
_MAY_BE_BYTES = re.compile("[\xc2-\xf4][\x80-\xbf]")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_OLD_URL = re.compile(r"%u([0-9a-fA-F]{4})")
_PUNYCODE = re.compile(r"xn--([a-z0-9\-]+)", re.IGNORECASE)
_PERCENT = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_QUOTED = re.compile(rb"(?:=(?:[0-9A-Fa-f]{2}|[ \t]*\r?\n))+")
_MAY_BE_QUOTED = re.compile(r"=(?:[0-9A-Fa-f]{2}|[ \t]*\r?\n)")
_SIGNS = re.compile(rb"[%=\\\s]+")
_WORD = re.compile(r"=\?[\w\-*]+\?q\?([^?]+)\?=", re.IGNORECASE)  # of a header of mail
_FULL_LINE = re.compile(r"\s(?<=[A-Za-z0-9+/_\-]{40}\s)\s*(?=[A-Za-z0-9+/_\-])")
# Of vCard, iCalendar, LDIF and headers: the blank that begins the next line is none.
_FOLDED = re.compile(r"\r?\n[ \t]")
_UTF8_PAIRS = re.compile(rb"(?:\\[0-9a-fA-F]{2})+")  # of LDAP
_MAY_BE_PAIRS = re.compile(r"\\[c-fC-F][0-9a-fA-F]\\[89abAB][0-9a-fA-F]")
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9:]{0,20})(?:[\s/][^<>]{0,500})?>")
_APART = re.compile(  # what begins another line or cell
    "address|article|blockquote|br|caption|dd|div|dl|dt|footer|h[1-6]|header|hr|li|ol|option|p|pre|section|table|tbody"
    "|td|tfoot|th|thead|tr|ul", re.IGNORECASE
)  # fmt: skip
_RUN = re.compile(rf"[A-Za-z0-9+/_\-]{{{LEAST_PACKED},}}")
_PLUS = re.compile(r'\+(?<=[^\s"]\+)[^\s"]')
# What is left of bytes that are no UTF-8, as Latin-1 has it.
_LATIN = {0xDC00 + code: chr(code) for code in range(128, 256)}
_TYPED_BYTES = re.compile(r'\[(?:\{"N":"\d{1,3}"\},?){6,}')
_BYTES = re.compile(r"\[[ +]?(?:-?\d{1,7},[ +]?){5,}-?\d{1,7}")
_NUMBER = re.compile(r"-?\d+")


class _Others(dict[int, str]):
    """A table for `translate` that puts a blank for whatever it does not have."""

    def __missing__(self, key: int) -> str:
        return " "


_RUNS = _Others((code, chr(code) if chr(code) in f"{ascii_letters}{digits}+/_-" else " ") for code in range(128))


def runs_of(text: str) -> dict[str, None]:
    """The runs of a text that may be long enough to hide a value."""
    if not text.isascii():
        return dict.fromkeys(_RUN.findall(text))
    return dict.fromkeys(found for found in text.translate(_RUNS).split() if len(found) >= LEAST_PACKED)


def unpacked(
    text: str, runs: Iterable[str], nothing: set[str], budget: Budget, any_bytes: bool = False
) -> Iterator[tuple[str, str | bytes]]:
    """What a text, and those `runs` of it, become by one step, and what it is called; those in `nothing` hide nothing.

    With `any_bytes` bytes are given, too, that hold no text anywhere.
    """
    yield from _respelled(text, any_bytes)
    yield from _held(text, runs, nothing, budget, any_bytes)


def unpacked_further(
    text: str,
    runs: Iterable[str],
    nothing: set[str],
    budget: Budget,
    seen: set[str],
    search: Callable[[str, str], None],
    any_bytes: bool = False,
) -> Iterator[tuple[str, str | bytes]]:
    """The same of a text that is deep within others: by all steps that leave it a text at once, in one order only.

    Each by itself, and then each of them again, would be the more texts the deeper they are: those on the way are only
    given to `search`, with the steps to them. One that is `seen` is gone on from where it was seen first.
    """
    plain, steps = text, dict[str, None]()
    while (first := next(_respelled(plain, False), None)) is not None and first[1] not in seen:
        if steps:
            search(plain, ", ".join(steps))
        seen.add(plain)
        if not budget.take(len(first[1])):
            break
        steps[first[0]] = None
        plain = str(first[1])
    if steps:
        yield ", ".join(steps), plain
    yield from _held(text, runs, nothing, budget, any_bytes)


def _respelled(text: str, any_bytes: bool) -> Iterator[tuple[str, str | bytes]]:
    """What a text becomes as a whole."""
    if "%" in text:
        yield from _spelled_bytes("URL-encoded", _PERCENT, _OLD_URL.sub(_character, text), text, any_bytes)
    if "\\" in text and (plain := unescaped(text)) != text:
        yield ESCAPED, plain
    if "\\" in text and _MAY_BE_PAIRS.search(text):
        yield from _spelled_bytes("LDAP", _UTF8_PAIRS, text, text, any_bytes)
    if "&" in text and (plain := _html_unescaped(text)) != text:
        yield "HTML-escaped", plain
    if "\n" in text and (plain := text.replace("\r", "").replace("\n", "")):
        yield "over several lines", plain
        if ("\n " in text or "\n\t" in text) and (plain := _FOLDED.sub("", text)):
            yield "over several lines", plain
    if (plain := _FULL_LINE.sub("", text)) != text:  # what stands in the line before is no part of it
        yield "over several lines", plain
    if "<" in text and (plain := _TAG.sub(_between_tags, text)) != text:
        yield "between tags", plain
    if "=" in text and _MAY_BE_QUOTED.search(text):
        words = _WORD.sub(_blanks, text) if "=?" in text else text
        yield from _spelled_bytes("quoted-printable", _QUOTED, words, text, any_bytes)
    if "xn--" in text and (plain := _PUNYCODE.sub(_label, text)) != text:
        yield "punycode", plain
    if not text.isascii() and _MAY_BE_BYTES.search(text) and (plain := _BYTE_BY_BYTE.sub(_as_utf8, text)) != text:
        yield "UTF-8 byte by byte", plain
    if not text.isprintable() and (plain := _CONTROLS.sub("", text)) != text:
        yield "between control characters", plain


def _held(
    text: str, runs: Iterable[str], nothing: set[str], budget: Budget, any_bytes: bool
) -> Iterator[tuple[str, str | bytes]]:
    """What is within a text: as a list of numbers, or as a run that is bytes."""
    if "[" in text:
        yield from _listed_bytes(text, any_bytes)
    for found in runs:
        if found in nothing:
            continue
        hides = False
        for reading in readings(found, budget, any_bytes):
            hides = True
            yield reading
        if not hides and not budget.over:
            remember(nothing, (found,))


def is_plain(text: str) -> bool:
    """Whether nothing but lines, and single runs of letters and digits, could hide anything in a text."""
    return (
        text.isascii()
        and not any(mark in text for mark in MARKS)
        and not ("=" in text and _MAY_BE_QUOTED.search(text))
        and not ("<" in text and _TAG.search(text))
    )


def has_full_line(text: str) -> bool:
    """Whether a line of a text may go on in the next one."""
    return _FULL_LINE.search(text) is not None


def blanks_for_plus(text: str) -> str | None:
    """A text with a blank for each `+`, as forms spell it; None where none stands for one between words."""
    return text.replace("+", " ") if "+" in text and _PLUS.search(text) else None


def hiding_runs(text: str, nothing: set[str], any_bytes: bool = False) -> tuple[list[str], dict[str, list[bytes]]]:
    """The runs of a plain text that `unpacked` would take apart; it may be many texts, which have words in common.

    Those that hide bytes which are no text themselves are returned with these; `remember` them if nothing is in them.
    """
    hiding, binary = list[str](), dict[str, list[bytes]]()
    runs = [found for found in set(text.translate(_RUNS).split()) - nothing if len(found) >= LEAST_PACKED]
    for found in that_may_hide(runs, any_bytes):
        budget = run_budget(found)
        held = [data for _, data in readings(found, budget, any_bytes)]
        if budget.over or any(map(is_packed_or_text, held)):
            hiding.append(found)  # it is taken apart with its item
        elif held:
            binary[found] = held
    remember(nothing, set(runs).difference(hiding, binary))
    return hiding, binary


def lists_bytes(text: str, any_bytes: bool = False) -> bool:
    """Whether a text has bytes spelled as a list of numbers."""
    return "[" in text and any(True for _ in _listed_bytes(text, any_bytes))


def remember(nothing: set[str], runs: Collection[str]) -> None:
    """Remember of runs that they hide nothing."""
    if len(nothing) >= MOST_NOTHING:
        nothing.clear()
    if max(map(len, runs), default=0) > LONGEST_NOTHING:
        runs = [run for run in runs if len(run) <= LONGEST_NOTHING]
    nothing.update(runs)


def _listed_bytes(text: str, any_bytes: bool) -> Iterator[tuple[str, str | bytes]]:
    """Bytes that are spelled as a list of numbers, as JavaScript's buffers are, or Java's with signs; or letters."""
    for run in (*_BYTES.findall(text), *(_TYPED_BYTES.findall(text) if '[{"N":"' in text else ())):
        numbers = [int(number) for number in _NUMBER.findall(run)]
        least, most = min(numbers), max(numbers)
        if least >= -128 and most < 256:
            data = bytes(number & 255 for number in numbers)
            if any_bytes or is_worth_a_look(data):
                yield "a list of bytes", data
        if least >= 0 and 127 < most <= sys.maxunicode:
            yield "a list of letters", "".join(map(chr, numbers))


def _spelled_bytes(
    step: str, signs: re.Pattern[bytes], spelled: str, text: str, any_bytes: bool
) -> Iterator[tuple[str, str | bytes]]:
    """A text in which bytes are spelled by signs, each on its own: what is no UTF-8 among them changes no other."""
    data = signs.sub(_bytes_of, spelled.encode("utf-8", "surrogatepass"))
    try:
        plain = data.decode()
    except UnicodeDecodeError:
        plain = data.decode("utf-8", "surrogateescape").translate(_LATIN)
    if plain != text:
        yield step, plain
        if any_bytes and not plain.isascii():
            yield step, data


def _bytes_of(match: re.Match[bytes]) -> bytes:
    return unhexlify(_SIGNS.sub(b"", match[0]))


def _blanks(match: re.Match[str]) -> str:
    return match[1].replace("_", " ")


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _label(match: re.Match[str]) -> str:
    if len(match[1]) > LONGEST_LABEL:
        return match[0]
    try:
        return match[1].encode("ascii").decode("punycode")
    except UnicodeError:
        return match[0]


def unescaped(text: str) -> str:
    """A text without the escapes of JSON and of programs, one layer of them."""
    return _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), _ESCAPE.sub(_unescaped, text)
    )


def _unescaped(match: re.Match[str]) -> str:
    which = match.lastindex or 0
    number = match[which]
    if which > len(_BASES):
        return _SHORT.get(number, number)
    code = int(number, _BASES[which - 1])
    return chr(code) if code <= sys.maxunicode else match[0]


def _between_tags(match: re.Match[str]) -> str:
    return " " if _APART.fullmatch(match[1]) else ""


def _html_unescaped(text: str) -> str:
    return html.unescape(_CODED.sub(_shortened, text) if "&#" in text else text)


def _shortened(match: re.Match[str]) -> str:
    """A character's number without zeros before it; one that no character has is none, however long it is."""
    number = (match[1] or match[2]).lstrip("0") or "0"
    return f"&#{'' if match[1] else 'x'}{number}" if len(number) < LONG_CODE else NO_CHARACTER


def _as_utf8(match: re.Match[str]) -> str:
    return match[0].encode("latin-1").decode("utf-8", "replace")
