"""Units that worker processes do in tests: they are found there by their names."""

from __future__ import annotations

import os
import signal
import threading
import time

from runbook_lib.cluster.protocol import Message, WorkerContext


def doubled(desk: WorkerContext, number: int) -> Message:
    return {"doubled": 2 * number, "process": desk.process, "pid": os.getpid()}


def fails(desk: WorkerContext, why: str) -> Message:
    raise ValueError(why)


def dies(desk: WorkerContext) -> Message:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def dies_once(desk: WorkerContext, mark: str) -> Message:
    """Ends its process unless it has been here before."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return {"pid": os.getpid()}
    os._exit(3)


def says_nothing_that_can_be_sent(desk: WorkerContext) -> Message:
    return {"lock": threading.Lock()}


def goes_on(desk: WorkerContext, seconds: float) -> Message:
    time.sleep(seconds)
    return {}


def converses(desk: WorkerContext, name: str) -> Message:
    """Says something, and ends with what it is answered."""
    heard, answers = threading.Event(), list[Message]()

    def take(message: Message) -> None:
        answers.append(message)
        heard.set()

    with desk.listen(name, take):
        desk.send({"from": name, "worker": desk.worker})
        assert heard.wait(30)
    return {"answers": answers}
