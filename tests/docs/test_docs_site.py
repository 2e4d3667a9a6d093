"""The docs site has every page, leads where it says, and needs no network; `make docs` reads what mkdocs made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import docs_site
from tools.docs_site import LINK, NAV, WORKER, bring_worker, faults, indented, moved, pages, settings

PAGES_OF_SITE = pages()


def test_every_page_is_in_the_navigation_once() -> None:
    named = [name for names in NAV.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) == {place for place in PAGES_OF_SITE if not place.startswith("adr/")}


def test_every_link_of_a_page_leads_to_what_is_laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs_site, "LAID_OUT", tmp_path)
    docs_site.lay_out()
    source = tmp_path / "src"
    for file in sorted(source.rglob("*.md")):
        for link in LINK.findall(re.sub(r"`[^`]*`", "", file.read_text(encoding="utf-8"))):
            path = link[1].partition("#")[0]
            if path and "://" not in path:
                assert (file.parent / path).is_file(), (file.name, link[1])
    assert (tmp_path / "mkdocs.yml").exists()


def test_links_are_those_of_the_site() -> None:
    assert moved("[a](docs/ci.md#x) [b](CONTRIBUTING.md)", "README.md") == "[a](ci.md#x) [b](contributing.md)\n"
    assert moved("[a](../README.md#x)", "docs/ci.md") == "[a](index.md#x)\n"
    assert moved("[a](../scale.md) [b](#x) [c](https://a.example/b)", "docs/adr/0001-dependencies.md") == (
        "[a](../scale.md) [b](#x) [c](https://a.example/b)\n"
    )


def test_a_list_gets_its_blank_line_and_four_spaces() -> None:
    assert indented("text\n- a\n  more\n\n  ```sh\n  x\n  ```\n- b\n\nend") == (
        "text\n\n- a\n    more\n\n    ```sh\n    x\n    ```\n- b\n\nend\n"
    )
    assert indented("1. a\n\n   b\n2. c") == "1. a\n\n    b\n2. c\n"
    assert indented("```\n- not a list\n  x\n```") == "```\n- not a list\n  x\n```\n"


def test_what_is_loaded_from_elsewhere_and_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "b.html").write_text('<h2 id="there">b</h2>')
    (tmp_path / "a.html").write_text(
        '<script src="https://elsewhere.example/x.js"></script><a href="b.html#there">1</a><a href="b.html#gone">2</a>'
        '<a href="c.html">3</a><a href="https://a.example/">4</a><a href="#none">5</a>'
    )
    assert list(faults(tmp_path)) == [
        "a.html loads https://elsewhere.example/x.js",
        "a.html links to b.html#gone, and there is no such place in it",
        "a.html links to c.html, which is not there",
        "a.html links to #none, and there is no such place in it",
    ]


def test_the_search_of_a_page_that_is_a_file_loads_our_own_worker(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "adr").mkdir()
    for name in ("a.html", "adr/b.html"):
        (tmp_path / name).write_text('<script src="https://elsewhere.example/iframe-worker/shim"></script>')
    bring_worker(tmp_path)
    assert (tmp_path / "a.html").read_text() == f'<script src="assets/{WORKER}"></script>'
    assert (tmp_path / "adr" / "b.html").read_text() == f'<script src="../assets/{WORKER}"></script>'
    assert list(faults(tmp_path)) == []


def test_no_font_is_fetched() -> None:
    theme = settings()["theme"]
    assert isinstance(theme, dict)
    assert theme["font"] is False


def test_on_a_phone_code_keeps_its_words_and_a_picture_opens_by_itself(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "a.html").write_text(
        f"<code>--run-id</code> <code>{'x' * 40} --a-b</code> <pre><code><a></a>b</code></pre>"
    )
    bring_worker(tmp_path)
    assert (tmp_path / "a.html").read_text() == (
        f'<code class="whole">--run-id</code> <code>{"x" * 40} <span class="whole">--a-b</span></code> '
        "<pre><code><a></a>b</code></pre>"
    )
    assert settings()["extra_css"] == [docs_site.LOOKS]
    assert moved("![a b](docs/pictures/x.png)", "README.md") == "[![a b](pictures/x.png)](pictures/x.png)\n"


def test_no_type_of_a_setting_is_spelled_as_a_library_does() -> None:
    assert not re.search(r"FieldInfo|Annotated|Union\[|Optional\[", PAGES_OF_SITE["configuration.md"])
