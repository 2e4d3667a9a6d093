"""What comes from outside does nothing in a comment: it calls nobody, links nowhere and breaks no table."""

from __future__ import annotations

import re

import pytest

from runbook_lib.report.render.escape_markdown import code, inline, markdown
from runbook_lib.report.render.markdown import render_markdown
from tests.support import records
from tests.support.records import of

LIVE = (
    "@acme/security-team", "@user", "a@b.example", "mail me@b.example now", "#123", "acme/app#7", "GH-12", "!45",
    "%\"1.0\"", "~bug", "$snippet1", "https://evil.example/login", "http://e.example", "HTTPS://E.example",
    "www.evil.example", "ftp://x.example", "evil.example/login", "mailto:a", "javascript:alert(1)",
    "<https://evil.example>", "<b>x</b>", "<!-- x -->", "<img src=x onerror=y>", "[x](https://evil.example)",
    "![x](//evil.example/p.png)", "[x]: https://evil.example", "`code` @user", "``@user", "`@user", "a|@user|b",
    "|", ":tada:", "5f3759df5f3759df5f3759df5f3759df5f3759df", "CVE-2026-1234", "@user\n\n# heading\n- list",
    "\u202e@user", "x\u200b@user", "&commat;user", "&#64;user", "@<!-- -->user", "**bold**", "~~gone~~", "$x$",
    "---", "===", "1.", "1)", "-", "+", "> quote", "# heading", "\\@user", "\\\\`@user`", "`", "``",
    "` `` @user ``` `",
)  # fmt: skip


def live(text: str) -> str:
    """What a renderer looks at: the text without its code, whose ends are found as CommonMark finds them."""
    rest, place = [], 0
    for fence in re.finditer(r"(?<![\\`])(`+)(?!`)", text):
        if fence.start() < place:
            continue
        end = re.compile(rf"(?<!`){fence[1]}(?!`)").search(text, fence.end())
        assert end is not None, f"code that does not end in {text!r}"
        rest.append(text[place : fence.start()])
        place = end.end()
    return " ".join([*rest, text[place:]])


MARKS = ("@", "//", "www.", "mailto:", "javascript:", "evil.example", "\u202e", "\u200b", "#1", "#7", "GH-12", ":tada:")
ALIVE = re.compile(
    r"@|#\d|\b\w+#\d|://|www\.|mailto:|javascript:|:\w+:|(?<!\\)[<>|](?!br>)|(?<!\\)[*_~\[\]$&]|\bGH-\d|[0-9a-f]{7}|[\u200b\u202e]",
    re.IGNORECASE,
)


@pytest.mark.parametrize("text", LIVE)
def test_a_text_alone_does_nothing(text: str) -> None:
    for shown in (markdown(text), inline(f" {text} "), code(text)):
        assert "\n" not in shown
        assert ALIVE.search(live(shown)) is None, shown
    assert not re.match(r"(?:[-+*=]|\d+[.)]|#|>)(?:\s|$)|[-=]{3}", markdown(text))


@pytest.mark.parametrize("text", LIVE)
def test_a_text_does_nothing_wherever_a_record_has_it(text: str) -> None:
    made = records.failed()
    of(made, "loans").update(source=f"{text}-loans", target=text, reasons=[text])
    of(made, "users").update(method="skipped", verdict="NOT MIGRATED", source=text, reasons=[text])
    obstacle = dict.fromkeys(("table", "expected", "found", "remedy"), text)
    made.update(name=text, run_id=text, reasons=[text], warnings=[obstacle], blockers=[obstacle])
    made["checks"] = [obstacle | {"name": text, "status": "blocker", "subject": text}]
    made["identity"]["source"].update(arn=text, account=text, region=text)
    made["differences"]["first"][0].update(source=text, kind=text, key_hash=text, paths=[{"path": text, "how": text}])
    made["quarantine"] = [{"source": text, "reason": text, "items": 1}]
    shown = render_markdown(records.report_of(made))
    own = render_markdown(records.report_of(records.failed()))
    words = live(shown)
    for mark in MARKS:
        assert words.count(mark) == live(own).count(mark), (mark, shown)
    tables = [[line for line in section.splitlines() if line.startswith("|")] for section in shown.split("\n### ")]
    for lines in tables:
        widths = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}
        assert len(widths) <= 1, lines
    assert len(re.findall(r"^#+ ", shown, re.MULTILINE)) == len(re.findall(r"^#+ ", own, re.MULTILINE))


def test_plain_words_stay_as_they_are() -> None:
    said = "prod-to-dev: 31 tables, 100% in 5.2 s (run it again), \u00fcber all"
    assert markdown(said) == said
    assert markdown("a_b*c") == r"a\_b\*c"
    assert code("a|b") == r"`a`\|`b`"


def test_a_moment_is_a_text_and_no_emoji() -> None:
    assert markdown("2026-11-26 23:54:53 UTC") == "2026-11-26 23:54:53 UTC"
    assert markdown("at 10:100:00") == "at `10:100:00`"
