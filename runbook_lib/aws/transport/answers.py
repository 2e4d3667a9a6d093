"""Answers in HTTP/1.1, read from bytes as they come in, whoever receives them.

Source: RFC 9112, sections 4 to 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TypeVar

from runbook_lib.aws.deadlines import MOST_BYTES
from runbook_lib.errors import TransferError

LINE, FIRST_BLOCK, BLOCK = 65536, 8192, 262144
HEADERS, HEADER_BYTES, INTERIM = 200, 131072, 10  # of one answer; AWS sends a dozen lines
SIZE, LENGTH = re.compile(rb"[0-9A-Fa-f]{1,8}"), re.compile(r"[0-9]{1,12}")
USUAL_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,8})[ \t]*\r")
USUAL_CHECKSUM = re.compile(rb"\nx-amz-crc32:[ \t]*([0-9]{1,10})[ \t]*\r")
UNUSUAL = re.compile(rb"\n(?:connection|transfer-encoding)[ \t]*:|\n[ \t]|[^\r]\n|\n[^:\r]*[ \t]:")
Answer = tuple[int, dict[str, str], bytes]
Found = TypeVar("Found")
Reading = Generator[int, bytes, Found]  # yields how many bytes may come, is sent some; none at the connection's end


class NoAnswer(TransferError):
    """No whole answer came back: nobody knows what the server did."""


class Incoming:
    """What comes in on a connection, to be read like a file; an answer is mostly one block.

    `receive` is for `read_answer`; `answer_from` is sent what comes.
    """

    def __init__(self, receive: Callable[[int], bytes] = lambda size: b"") -> None:
        self.receive, self._block, self._at, self._next = receive, b"", 0, FIRST_BLOCK

    def readline(self) -> Reading[bytes]:
        """Up to and with the next line feed, or less at the end of the connection."""
        while (end := self._block.find(b"\n", self._at)) < 0:
            if len(self._block) - self._at > LINE or not (yield from self._more()):
                end = len(self._block) - 1
                break
        line, self._at = self._block[self._at : end + 1], end + 1
        return line

    def read(self, size: int) -> Reading[bytes]:
        """So many bytes, or less at the end of the connection."""
        parts, left = [], size
        while (have := len(self._block) - self._at) < left:
            parts.append(self._block[self._at :])
            left -= have
            self._at = len(self._block)
            if not (yield from self._more()):
                break
        parts.append(self._block[self._at : self._at + left])
        self._at += len(parts[-1])
        return b"".join(parts)

    def _more(self) -> Reading[bool]:
        block = yield self._next
        self._next = min(2 * self._next, BLOCK)  # most answers are short, and memory for a long one is not free
        self._block, self._at = self._block[self._at :] + block, 0
        return bool(block)


def usual_answer(received: bytes) -> Answer | None:
    """The answer that DynamoDB mostly gives, read at once: whole, a 200 with a length, on a connection that stays.

    None for any other, which `answer_from` reads.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0 or not received.startswith(b"HTTP/1.1 200 "):
        return None
    head = received[: end + 2].lower()
    lengths = USUAL_LENGTH.findall(head)
    if len(lengths) != 1 or head.count(b"content-length") != 1 or UNUSUAL.search(head):
        return None
    if len(received) != end + 4 + int(lengths[0]):
        return None
    checksum = USUAL_CHECKSUM.findall(head)
    return 200, {"x-amz-crc32": checksum[-1].decode()} if checksum else {}, received[end + 4 :]


def read_answer(file: Incoming) -> tuple[Answer, bool]:
    """`answer_from`, received as the file does."""
    reading = answer_from(file)
    try:
        size = next(reading)
        while True:
            size = reading.send(file.receive(size))
    except StopIteration as ended:
        found: tuple[Answer, bool] = ended.value
        return found


def answer_from(file: Incoming) -> Reading[tuple[Answer, bool]]:
    """One answer off a connection, and whether the connection can be used again.

    Raises ValueError for what is not HTTP/1 and NoAnswer for what ends too early.
    """
    for _ in range(INTERIM):
        version, status = _status((yield from _line(file)))
        headers = yield from _headers(file)
        if status >= 200:  # interim answers come before the real one
            break
    else:
        raise ValueError(f"{INTERIM} interim answers and no other")
    close = headers.get("connection", "").lower()
    reusable = close != "close" if version == b"HTTP/1.1" else close == "keep-alive"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        content = yield from _chunks(file)
    elif "content-length" in headers:
        content = yield from _exactly(file, _length(headers["content-length"]))
    else:
        content, reusable = (yield from file.read(MOST_BYTES)), False
        if (yield from file.read(1)):
            raise NoAnswer(f"the answer has more than {MOST_BYTES} bytes")
    return (status, headers, content), reusable


def _status(line: bytes) -> tuple[bytes, int]:
    version, status, *_ = line.split(None, 2)
    if not version.startswith(b"HTTP/1."):
        raise ValueError(f"expected an HTTP/1 answer, found {line[:40]!r}")
    return version, int(status)


def _headers(file: Incoming) -> Reading[dict[str, str]]:
    headers: dict[str, str] = {}
    size = 0
    for _ in range(HEADERS):
        line = yield from _line(file)
        if not (stripped := line.rstrip(b"\r\n")):
            return headers
        size += len(line)
        if size > HEADER_BYTES:
            break
        name, _, value = stripped.partition(b":")
        key, said = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        if key == "content-length" and headers.get(key, said) != said:
            raise ValueError("an answer of two lengths")
        headers[key] = said
    raise ValueError(f"an answer with more than {HEADERS} headers or {HEADER_BYTES} bytes of them")


def _length(said: str) -> int:
    if not LENGTH.fullmatch(said):
        raise ValueError(f"{said[:40]!r} is no length")
    return _bounded(int(said))


def _bounded(size: int) -> int:
    if size > MOST_BYTES:
        raise NoAnswer(f"the answer would have {size} bytes; at most {MOST_BYTES} are read")
    return size


def _line(file: Incoming) -> Reading[bytes]:
    line = yield from file.readline()
    if not line.endswith(b"\n"):
        raise NoAnswer("the connection ended within an answer" if line else "the connection ended without an answer")
    return line


def _exactly(file: Incoming, length: int) -> Reading[bytes]:
    content = yield from file.read(length)
    if len(content) < length:
        raise NoAnswer(f"the connection ended after {len(content)} of {length} bytes")
    return content


def _chunks(file: Incoming) -> Reading[bytes]:
    parts, whole = [], 0
    while size := _chunk((yield from _line(file)).split(b";", 1)[0].strip()):
        whole = _bounded(whole + size)
        parts.append((yield from _exactly(file, size)))
        if (yield from _line(file)).strip(b"\r\n"):
            raise ValueError("a chunk is longer than it says")
    yield from _headers(file)  # the trailer
    return b"".join(parts)


def _chunk(said: bytes) -> int:
    if not SIZE.fullmatch(said):
        raise ValueError(f"{said[:40]!r} is no size of a chunk")
    return int(said, 16)
