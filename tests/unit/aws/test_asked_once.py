"""What one look at a table asks, and what it does not keep."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.reading.asked_once import QUESTIONS, AskedOnce


class Client:
    """Answers every question with what was asked and how often anything was."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            self.asked.append(name)
            if self.away:
                raise ConnectionError(name)
            return {"name": name, "request": request, "turn": [len(self.asked)]}

        return call


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_question_about_a_table_is_asked_once(name: str) -> None:
    client = Client()
    once = AskedOnce(client)
    assert getattr(once, name)(TableName="a") == getattr(once, name)(TableName="a")
    assert client.asked == [name]
    assert getattr(once, name)(TableName="b")["request"] == {"TableName": "b"}
    assert client.asked == [name] * 2


def test_what_is_no_such_question_is_asked_each_time() -> None:
    client = Client()
    once = AskedOnce(client)
    assert once.scan(TableName="a") != once.scan(TableName="a")


def test_a_failed_question_is_asked_again() -> None:
    client = Client()
    once = AskedOnce(client)
    client.away = True
    with pytest.raises(ConnectionError):
        once.describe_table(TableName="a")
    client.away = False
    assert once.describe_table(TableName="a")["turn"] == [2]


def test_an_answer_that_its_reader_changes_is_not_changed_for_the_next() -> None:
    once = AskedOnce(Client())
    once.describe_table(TableName="a")["turn"].append("mine")
    assert once.describe_table(TableName="a")["turn"] == [1]
