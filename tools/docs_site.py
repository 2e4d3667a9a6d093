"""The docs site from the same Markdown: lays the pages out for mkdocs, and checks what came of it.

python -m tools.docs_site         lays them out in build/docs
python -m tools.docs_site finish  lets search work in pages opened as files, and raises unless all of build/site
                                  can be read without a network and every link leads somewhere

It runs in the environment of mkdocs and needs nothing but Python.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
LAID_OUT, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"
FROM_ABOVE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
NAV: dict[str, tuple[str, ...]] = {
    "Getting started": ("index.md", "tutorial.md", "installing.md", "ci.md"),
    "A migration": (
        "configuration.md", "cross-account.md", "catch-up.md", "masking.md", "repair.md", "reading-a-report.md",
        "troubleshooting.md", "surroundings.md", "campaigns.md", "scale.md",
    ),
    "What it proves": ("how-it-works.md", "validation.md", "definitions.md", "allowed-calls.md", "benchmarks.md"),
    "Facts about AWS": ("conformance.md", "aws-facts.md", "aws-model.md", "engines.md"),
    "The code": ("library.md", "architecture.md", "contributing.md", "changelog.md", "security.md"),
}  # fmt: skip
SHIM, WORKER = re.compile(r"https://[^\"]+/iframe-worker/shim"), "offline_worker.js"  # what is asked for, and ours
PICTURE = re.compile(r"(!\[[^\]]*\]\(([^)\s]+)\))")
INLINE = re.compile(r"<code>([^<]+)</code>")
FITS, OPTION = 28, re.compile(r"--[a-z][a-z-]*")  # what fits a phone is not to be broken at a hyphen
LOOKS = "narrow.css"
NARROW = """code.whole, code .whole { white-space: nowrap; }
.md-typeset td code, .md-typeset th code { word-break: normal; }
/* on a phone the button to copy has a strip of its own, which no code scrolls under */
@media (max-width: 44em) {
  .md-typeset pre { padding-right: 2.2em; background-color: var(--md-code-bg-color); }
  .md-typeset pre > .md-code__nav { background-color: var(--md-code-bg-color); }
}
/* commands and what they print go on in the next line, beside the button; a fenced block may be a drawing */
.md-typeset pre:not(.highlight > pre) { padding-right: 2.2em; background-color: var(--md-code-bg-color); }
.md-typeset pre:not(.highlight > pre) > code { white-space: pre-wrap; }
"""
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
ITEM = re.compile(r"([-*]|\d+\.)( +)\S")
FENCE = re.compile(r" *```")


def pages() -> dict[str, str]:
    """Every page of the site by its place in it."""
    found = {"index.md": "README.md"} | {name.lower(): name for name in FROM_ABOVE}
    docs = (file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))
    found |= {name.removeprefix("docs/"): name for name in docs}
    return {place: moved((ROOT / name).read_text(encoding="utf-8"), name) for place, name in found.items()}


def moved(text: str, name: str) -> str:
    """The Markdown of a page as the site needs it: links to where things lie there, lists as mkdocs reads them."""
    placed = LINK.sub(lambda found: f"{found[1]}{_target(found[2], name)}{found[3]}", text)
    return indented(PICTURE.sub(r"[\1](\2)", placed))  # on a phone a picture is read only by itself


def _target(link: str, name: str) -> str:
    if urlsplit(link).scheme or link.startswith("#"):
        return link
    path, _, anchor = link.partition("#")
    here = ROOT / name
    place = (here.parent / path).resolve().relative_to(ROOT).as_posix()
    depth = len(Path(name.removeprefix("docs/")).parts) - 1
    inside = (
        "index.md" if place == "README.md" else place.lower() if place in FROM_ABOVE else place.removeprefix("docs/")
    )
    inside = "adr/index.md" if inside in ("adr", "adr/README.md") else inside
    inside += ".txt" if inside == "reports/sample/report.md" else ""  # as a page of the site it would not be itself
    return "../" * depth + inside + (f"#{anchor}" if anchor else "")


def indented(text: str) -> str:
    """Lists as GitHub reads them, for a reader that wants a blank line before and four spaces within."""
    lines: list[str] = []
    width, fenced = 0, False
    for line in text.splitlines():
        begins = None if fenced else ITEM.match(line)
        if begins:
            if lines and lines[-1].strip() and not width:
                lines.append("")
            width = len(begins[1]) + len(begins[2])
        elif width and line.strip() and not line.startswith(" " * width) and not fenced:
            width = 0 if not lines[-1].strip() or not line.startswith(" ") else width
        within = width and not begins and line.startswith(" " * width)
        lines.append(" " * 4 + line[width:] if within else line)
        if FENCE.match(line):
            fenced = not fenced
    return "\n".join(lines) + "\n"


def lay_out() -> None:
    """Write the pages, what they link to and mkdocs' settings."""
    shutil.rmtree(LAID_OUT, ignore_errors=True)
    source = LAID_OUT / "src"
    for place, text in pages().items():
        file = source / ("adr/index.md" if place == "adr/README.md" else place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for name in ("pictures", "examples"):
        shutil.copytree(ROOT / "docs" / name, source / name)
    for file in (ROOT / "docs").glob("*.json"):
        shutil.copy(file, source / file.name)
    shutil.copy(ROOT / "LICENSE", source / "LICENSE")
    shutil.copytree(ROOT / "reports" / "sample", source / "reports" / "sample")
    (source / "reports" / "sample" / "report.md").rename(source / "reports" / "sample" / "report.md.txt")
    (source / LOOKS).write_text(NARROW, encoding="utf-8")
    (LAID_OUT / "mkdocs.yml").write_text(json.dumps(settings(), indent=2), encoding="utf-8")


def settings() -> dict[str, object]:
    """mkdocs' settings; JSON is YAML. Nothing is loaded from a network: no fonts, the search beside the pages."""
    decisions = sorted(f"adr/{file.name}" for file in (ROOT / "docs" / "adr").glob("0*.md"))
    nav = [{title: list(names)} for title, names in NAV.items()] + [{"Decisions": ["adr/index.md", *decisions]}]
    looks = [
        {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
        {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
    ]
    features = ["navigation.sections", "content.code.copy"]
    links = {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"}
    return {
        "site_name": "DynamoDB migration runbook", "docs_dir": "src", "site_dir": str(SITE),
        "use_directory_urls": False,
        "theme": {"name": "material", "font": False, "palette": looks, "features": features},
        "plugins": ["search", "offline"], "extra": {"generator": False}, "nav": nav,
        "extra_css": [LOOKS],
        "markdown_extensions": ["tables", "toc", "attr_list", "pymdownx.superfences"],
        "validation": {"links": links, "nav": {"omitted_files": "warn", "not_found": "warn"}},
    }  # fmt: skip


def bring_worker(site: Path = SITE) -> None:
    """Put a script of our own in place of the one that pages would load from elsewhere to search without a server.

    Short code in a sentence, and an option in any, is marked as a whole, so that it is not broken at its hyphens.
    """
    shutil.copy(ROOT / "tools" / WORKER, site / "assets" / WORKER)
    for file in site.rglob("*.html"):
        depth = len(file.relative_to(site).parts) - 1
        text = file.read_text(encoding="utf-8")
        text = INLINE.sub(lambda found: _whole(found[1]), text)
        file.write_text(SHIM.sub(f"{'../' * depth}assets/{WORKER}", text), encoding="utf-8")


def _whole(code: str) -> str:
    if len(code) <= FITS:
        return f'<code class="whole">{code}</code>'
    kept = OPTION.sub(r'<span class="whole">\g<0></span>', code)
    return f"<code>{kept}</code>"


class Links(HTMLParser):
    """What a page loads, where it leads, and which places in it can be named."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.places: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(given.get("href", ""))
        elif "src" in given:
            self.loads.append(given["src"])


def faults(site: Path = SITE) -> Iterator[str]:
    """What a page loads from elsewhere, and each link that leads nowhere."""
    read = {file: Links(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, links in read.items():
        name = file.relative_to(site)
        yield from (f"{name} loads {url}" for url in links.loads if urlsplit(url).netloc)
        for link in (*links.leads, *links.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or (name.name == "404.html"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name} links to {link}, which is not there"
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].places:
                yield f"{name} links to {link}, and there is no such place in it"


if __name__ == "__main__":
    if sys.argv[1:] == ["finish"]:
        bring_worker()
        if found := list(faults()):
            sys.exit("\n".join(found))
        print(f"docs: {SITE / 'index.html'}")
    else:
        lay_out()
