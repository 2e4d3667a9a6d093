"""Words of the report that no narrow screen tears apart."""

from __future__ import annotations

import pytest

from runbook_lib.report.render.html import environment


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("delete it with --delete-extra, once", 'delete it with <span class="one">--delete-extra</span>, once'),
        ("at the end (Sign-off)", 'at the end (<span class="one">Sign-off</span>)'),
        ("a pre-flight of 3 MB", 'a <span class="one">pre-flight</span> of 3\u00a0MB'),
        # Names of tables and folders may be long, and have to break somewhere.
        ("table orders-of-the-last-year", "table orders-of-the-last-year"),
        ("in reports/run-a/report.md", "in reports/run-a/report.md"),
        ("<b> & --x-y", '&lt;b&gt; &amp; <span class="one">--x-y</span>'),
        ("a\u202eb", "a\\u202eb"),
    ],
)
def test_options_and_short_words_keep_their_hyphens(text: str, html: str) -> None:
    assert environment().from_string("{{ text|unbroken }}").render(text=text) == html
