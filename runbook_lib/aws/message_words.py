"""Which words of an error message may be repeated: those that AWS's own messages are made of, and no others.

A gateway can answer in AWS's form and say in its message what it saw, also of an answer that nobody here has read. So
a word is shown only if it stands in the model of the service, documentation and all, or in a message that AWS is known
to send; a name or an ARN only in the place that such a message has for it. What is left out is three dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.loaders import create_loader

from runbook_lib.items.redact import GONE

# Said by DynamoDB, S3, STS and IAM, and not in their models word for word.
KNOWN = """
User: is not authorized to perform: on resource: because no identity-based policy allows the action
with an explicit deny in a service control policy VPC endpoint permissions boundary session resource-based
The security token included in the request is invalid or expired; unable to locate credentials; Missing Authentication
Token; the request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key
and signing method. Consult the service documentation for details. Signature expired: is now earlier than Signature not
yet current: is still later than. The AWS Access Key Id you provided does not exist in our records; Access Denied
One or more parameter values were invalid: are not valid. Type mismatch for Index Key key expected: Expected: actual:
Actual: IndexName: IndexKey: A value specified for a secondary index key is not supported. The AttributeValue for a key
attribute cannot contain an empty string value. Missing the key in the item; Item size has exceeded the maximum allowed
size; Item size to update has exceeded; Size of hashkey has exceeded the maximum size limit of2048 bytes; Aggregated
size of all range keys exceeds 1024; Nesting Levels have exceeded supported limits; Input collection contains
duplicates; An number string set may not be empty; Number overflow. Attempting to store a number with magnitude larger
than supported range; Attempting to store more than 38 significant digits in a Number; underflow smaller; Too many items
requested for the BatchWriteItem call; Provided list of item keys contains duplicates; The provided key element does not
match the schema; The parameter cannot be converted to a numeric value; Supplied AttributeValue is empty, must contain
exactly one of the supported datatypes; has more than one datatypes set; Invalid attribute value type; Cannot do
operations on a non-existent table; Requested resource not found: Table: not found; Table already exists; Attempt to
change a resource which is still in use; Subscriber limit exceeded; The conditional request failed; The level of
configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the
UpdateTable API; Throughput exceeds the current capacity of your table or index; Rate of requests exceeds the allowed
throughput; Request rate is too high; Internal server error; Service is unavailable; please try again, reduce your
request rate, slow down, retry later; validation error errors detected: Value at failed to satisfy constraint: Member
must have length less than or equal to, greater, satisfy regular expression pattern, enum value set, not be null; The
specified bucket, key, upload does not exist; An error occurred; no such; Start of structure or map found where not
expected; Unexpected token; Unknown operation; could not be parsed; point in time recovery is not enabled; Point in
time; Invalid Export Time; earliest latest restorable; does not have permission; KMS key is disabled pending deletion
"""
ARN = r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:[\w./:*@+=,-]{1,300}"
NAME = r"[A-Za-z0-9_.-]{1,255}"
PLACES = tuple(
    re.compile(place)
    for place in (
        rf"(?:User|on resource): ({ARN})(?=\s|$)",
        rf"[Tt]able(?: not found)?: ({NAME})(?: not found)?(?=\s|$)",
        rf"Index(?:Name|Key): ({NAME})(?=,|\s|$)",
        rf"[Kk]ey ({NAME}) [Ee]xpected: (?:S|N|B) [Aa]ctual: \w{{1,4}}",
        rf"[Mm]issing the key ({NAME}) in the item",
    )
)
EDGES = ".,:;()[]{}'\"!?<>="
PIECES = re.compile(r"[A-Za-z0-9]+")
TAG = re.compile(r"<[^>]+>")


def said_by_aws(message: str, service: str, names: Iterable[str] = ()) -> str:
    """A message without the words that the service has not; `names` are of what was asked for, and stay."""
    allowed = {*names, *(found for place in PLACES for found in place.findall(message))}
    words, shown = aws_words_of(service), list[str]()
    for token in message.split():
        if token.strip(EDGES) in allowed or _is_aws(token, words):
            shown.append(token)
        elif not shown or shown[-1] != GONE:
            shown.append(GONE)
    return " ".join(shown)


def _is_aws(token: str, words: frozenset[str]) -> bool:
    pieces = [piece.lower() for piece in PIECES.findall(token)]
    if not token.isascii() or (len(pieces) > 1 and all(piece.isdigit() for piece in pieces)):
        return False  # a date, a telephone number, a price: AWS says none that anybody needs
    return all(piece in words for piece in pieces)


@cache
def aws_words_of(service: str) -> frozenset[str]:
    """Every word of a service's model, documentation too, in small letters, and of the messages that are known."""
    try:
        model: Any = create_loader().load_service_model(service, "service-2")
    except BotoCoreError:
        model = {}
    texts = (KNOWN, *_texts(model))
    return frozenset(piece.lower() for text in texts for piece in PIECES.findall(TAG.sub(" ", text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
