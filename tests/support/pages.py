"""The pages of the docs in parts: blocks of code, commands, settings, links and the anchors they lead to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md",
    *sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md")),
]  # fmt: skip
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
SHELLS = ("sh", "console", "bash")
PROGRAMS = ("make", "runbook", "papermill", "sha256sum", "aws", "cd")


def blocks(text: str, *languages: str) -> Iterator[str]:
    """The fenced blocks of these languages, without the indentation of a list they stand in."""
    for indent, language, body in re.findall(r"^( *)```(\w*)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        if language in languages:
            yield re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)


def inline(text: str) -> list[str]:
    """The code in the middle of sentences, also where it goes on in the next line."""
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", outside)]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of a block: fenced ones, and indented lines that begin with a program of ours."""
    indented = [line.strip() for line in re.findall(r"^ {4}\S.*$", text, re.MULTILINE)]
    lines = [line for block in blocks(text, *SHELLS) for line in block.splitlines()]
    lines += [line for line in indented if line.split()[0].rpartition("/")[2] in PROGRAMS]
    for line in lines:
        for part in line.removeprefix("$ ").split(" && "):
            if words := shlex.split(part, comments=True):
                yield [words[0].rpartition("/")[2], *words[1:]]


def anchors(file: Path) -> set[str]:
    """What a link into a page may name: the ids of HTML, the headings of Markdown as GitHub spells them."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        return set(re.findall(r'id="([^"]+)"', text))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
