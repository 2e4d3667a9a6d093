"""Read all of a table where something follows from what is not in it: a page may leave items out and bear itself out.

Another cut of the table leaves out others, if any. So a count with other segments has to find as many items as were
read, or the table is read once more, cut in yet another way, and both readings hold together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from runbook_lib.aws.dynamodb.read.scan import Segment, count_segment, scan_items
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item

COUNTED, AGAIN = 2, 3  # segments, of the count and of a second reading; the first has one


def take_all(
    whole: Segment,
    key: tuple[str, ...],
    take: Callable[[Iterator[Item]], int | None],
    going: Callable[[], None] = lambda: None,
) -> None:
    """Hand the items of a table to `take`, once or twice; `key` names its key attributes.

    `take` returns how many it has by now, each once, or None where it has enough and nothing is to be looked at again.
    `going` is called for each page of the count. Raises TransferError where more were counted than were taken in the
    end. Costs two readings, and a third where the count differs: of a table that somebody writes to, too.
    """
    taken = take(scan_items(whole, key))
    if taken is None:
        return
    counted = 0
    for segment in _cut(whole, COUNTED):
        for items in count_segment(segment):
            counted += items
            going()
    if counted == taken:
        return
    both = take(item for segment in _cut(whole, AGAIN) for item in scan_items(segment, key))
    if both is not None and both < counted:
        raise TransferError(
            f"Scan of {whole.table}: one reading finds {taken:,} items, a count {counted:,}, and with a second reading "
            f"there are {both:,}; a page was lost, or somebody deletes items. Nothing was concluded from it. Run "
            "again; if it stays, the server or a proxy is broken"
        )


def _cut(whole: Segment, segments: int) -> Iterator[Segment]:
    return (replace(whole, number=number, of=segments) for number in range(segments))
