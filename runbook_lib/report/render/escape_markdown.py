"""Text from outside as Markdown that shows it and does nothing else.

Names of tables, attributes, indexes and runs, reasons and error texts come from elsewhere, and a comment on a pull
request makes something of what stands in it: it calls people, links, refers, shows pictures. A word that could is
shown as code, of which no renderer makes anything; backslashes and entities do not help, for mentions and references
are looked for in the text that was rendered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# What begins something in GitHub's or GitLab's Markdown, wherever it stands in a word.
LIVE = re.compile(
    r"""[@\#`]                                # people, teams, issues, code
    | //|\bwww\.|\b(?:mailto|xmpp|tel|data|javascript|file):
    | [a-z0-9-]\.[a-z]{2,}/                   # a host and a path
    | \b(?:GH|CVE|GHSA)-                      # issues and advisories
    | (?<![0-9a-z])(?=[0-9]*[a-f])[0-9a-f]{7,}(?![0-9a-z])  # commits
    | :(?![0-9]{2}:)[a-z0-9_+-]+:             # emoji, of which none is two digits: a time is none
    | [!%$&~^]["\w]                           # GitLab's merge requests, milestones, snippets, labels
    """,
    re.VERBOSE | re.IGNORECASE,
)
BEGINS_A_BLOCK = re.compile(r"[-+*=_~]+|[0-9]{1,9}[.)]")
MARKUP = re.compile(r"([\\`*_\[\]<>|~$&])")
ENDS = ".,;"
APART = re.compile(r"([|<>])")
SPACES = re.compile(r"(\s+)")
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def markdown(text: object) -> Markdown:
    """Text as Markdown that shows it as it is, on one line, also inside a table cell."""
    return text if isinstance(text, Markdown) else inline(str(text).strip())


def inline(text: object) -> Markdown:
    """The same for a piece of a line: a space at its beginning or end stays."""
    if isinstance(text, Markdown):
        return text
    words = [" " if word.isspace() else _word(word) for word in SPACES.split(str(text)) if word]
    first = next((n for n, word in enumerate(words) if word != " "), None)
    if first is not None and BEGINS_A_BLOCK.fullmatch(words[first].replace("\\", "")):
        words[first] = code(words[first].replace("\\", ""))
    return Markdown("".join(words))


def code(text: object) -> Markdown:
    """Text as code, on one line, also inside a table cell: a bar or an angle stands between two pieces of code."""
    shown = " ".join(visible(str(text)).split())
    pieces = APART.split(shown)
    return Markdown("".join(f"\\{piece}" if APART.fullmatch(piece) else _fenced(piece) for piece in pieces))


def block(lines: Sequence[str]) -> Markdown:
    """Lines as they are, in the type of code: nothing of them is broken or read as Markdown, and all can be copied."""
    ticks = [len(run) for line in lines for run in re.findall("`+", line)]
    fence = "`" * max(3, 1 + max(ticks, default=0))
    return Markdown("\n".join([f"{fence}text", *lines, fence]))


def visible(text: str) -> str:
    """Text with the characters that nobody sees spelled, those that turn the direction of reading among them."""
    return "".join(_spelled(c) if unicodedata.category(c) in UNSEEN and c not in "\n\t" else c for c in text)


def _spelled(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _word(word: str) -> str:
    shown = visible(word)
    if shown == word and word[-1] in ENDS and not BEGINS_A_BLOCK.fullmatch(word) and LIVE.search(word[:-1]):
        return f"{code(word[:-1])}{word[-1]}"  # what ends a sentence is no part of what it names
    return code(shown) if shown != word or LIVE.search(word) else MARKUP.sub(r"\\\1", word)


def _fenced(piece: str) -> str:
    if not piece:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", piece)), default=0))
    pad = " " if piece.startswith("`") or piece.endswith("`") else ""
    return f"{fence}{pad}{piece}{pad}{fence}"
