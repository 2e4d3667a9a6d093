"""The process that sends one notice: `python -m runbook_lib.notices.sender`, with the notice on its standard input."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from runbook_lib.aws.guard.offline import refuse_network

AT_ONCE = 8


def send_all(title: str, body: str, urls: list[str]) -> tuple[int, int]:
    """To how many of the URLs a notice went; one that apprise does not know counts as not sent."""
    import apprise

    def one(url: str) -> bool:
        service: Any = apprise.Apprise()
        try:
            return bool(service.add(url) and service.notify(body=body, title=title, body_format="text"))
        except Exception:  # of whatever service: its text may show the URL
            return False

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(one, urls)), len(urls)


def main() -> None:
    """Read what is to be said, send it, and print how often that worked."""
    refuse_network()
    asked = json.load(sys.stdin)
    told = send_all(asked["title"], asked["body"], os.environ[asked["urls_env"]].split())
    print(json.dumps(told), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
