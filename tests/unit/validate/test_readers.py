"""What a reader spells without parsing is what it hands out parsed, whatever else stands in the file."""

from __future__ import annotations

import base64
import gzip
import hashlib

import orjson
import pytest

from runbook_lib.errors import SaidTwice
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.item_digests import key_and_text
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.validate.readers import ExportReader
from tests.support.one_data_file import Bucket

ID = (KeyAttribute("id", "S", "HASH"),)
KNOWN = [b'{"Item":{"id":{"S":"%d"},"b":{"N":"1"},"a":{"S":"x"}}}' % number for number in range(200)]
ODD = [
    b'{"Item":{"id":{"S":"o1"},"b":{"N":"1.0"},"a":{"S":"x"}}}',
    b'{"Item": {"id":{"S":"o2"},"b":{"N":"1"},"a":{"S":"x"}}}',
    b'{"Item":{"id":{"S":"o3"},"b":{"N":"1"},"a":{"S":"x"}} }',
    b'{"Item":{"id":{"S":"o4"},"b":{"N":"1"},"a":{"S":"x"}},"more":{}}',
    b'{"Item":{"id":{"S":"o5"},"b":{"N":"1"},"a":{"S":"x"}}}}',
    b'{"Item":{"id":{"S":"o6"},"b":{"N":"1"},"a":{"S":"\\u0078"}}}',
    b'{"Item":{"id":{"S":"o7"},"b":{"N":"1"}"a":{"S":"x"}}}',
    b'{"Item":{"a":{"S":"x"},"b":{"N":"1"},"id":{"S":"o8"}}}',
    b'{"Item":{"id":{"S":"\x01"},"b":{"N":"1"},"a":{"S":"x"}}}',
    b'{"Item":{"id":{"S":"\xff"},"b":{"N":"1"},"a":{"S":"x"}}}',
    b'{"Iten":{"id":{"S":"o11"},"b":{"N":"1"},"a":{"S":"x"}}}',
]


def test_lines_that_no_form_knows_are_read_as_they_were_parsed() -> None:
    empty_key = b'{"Item":{"id":{"S":""},"b":{"N":"1"},"a":{"S":"x"}}}'  # in quarantine: no table can hold it
    lines = [*KNOWN[:100], *ODD, empty_key, *KNOWN[100:], *ODD]
    body = gzip.compress(b"\n".join(lines))
    file = DataFile(0, "data/a.json.gz", base64.b64encode(hashlib.md5(body).digest()).decode(), len(lines))
    refused = {file.key: frozenset({len(KNOWN[:100]) + len(ODD) + 1})}
    reader = ExportReader(Bucket(body), "bucket", [file], ID, refused)
    parsed = [key_and_text(item, ID) for item in reader.items()]
    spelled = list(reader.spelled_of(file, ID))
    assert spelled == parsed
    assert len(spelled) == len(KNOWN) + 2 * 5
    assert orjson.loads(spelled[-1][0]) == {"id": {"S": "o8"}}


@pytest.mark.parametrize("held_back", [False, True])
def test_a_line_that_may_be_two_items_is_compared_by_neither(held_back: bool) -> None:
    """One in quarantine was not written; of any other nobody knows what the table should hold."""
    lines = [*KNOWN[:100], b'{"Item":{"id":{"S":"o9"},"id":{"S":"o10"},"b":{"N":"1"},"a":{"S":"x"}}}']
    body = gzip.compress(b"\n".join(lines))
    file = DataFile(0, "data/a.json.gz", base64.b64encode(hashlib.md5(body).digest()).decode(), len(lines))
    refused = {file.key: frozenset({len(lines)})} if held_back else {}
    reader = ExportReader(Bucket(body), "bucket", [file], ID, refused)
    for read in (lambda: list(reader.items()), lambda: list(reader.spelled_of(file, ID))):
        if held_back:
            assert len(read()) == 100
        else:
            with pytest.raises(SaidTwice, match="line 101 cannot be compared"):
                read()
