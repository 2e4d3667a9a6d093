"""A client that asks each question about a table once, for as long as one look at it takes.

Several checks need the same description. What has to be seen anew, for instance whether a table was replaced in the
meantime, is asked of the client itself.
"""

from __future__ import annotations

import copy
import json
from typing import Any

QUESTIONS = frozenset(
    {
        "describe_table", "describe_time_to_live", "describe_continuous_backups", "list_tags_of_resource",
        "describe_kinesis_streaming_destination",
    }
)  # fmt: skip


class AskedOnce:
    """A boto3 client whose answers to QUESTIONS are kept; errors are not, and everything else goes to the client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[tuple[str, str], Any] = {}

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name not in QUESTIONS:
            return call

        def ask(**request: Any) -> Any:
            question = name, json.dumps(request, sort_keys=True)
            if question not in self._answers:
                self._answers[question] = call(**request)
            return copy.deepcopy(self._answers[question])  # what one reader changes is not another's answer

        return ask
