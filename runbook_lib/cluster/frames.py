"""Messages over a socket between this process and one that it started: pickled, each after its length.

The two ends are of one program and one user, and nobody else has a way to the socket: it has no name and no port.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from contextlib import suppress
from typing import Any

_LENGTH = struct.Struct(">Q")
_TIME = struct.Struct("ll")  # timeval


class FrameSocket:
    """One end; several threads may send, one receives. With `patience`, in seconds, a send waits no longer."""

    def __init__(self, end: socket.socket, patience: int = 0) -> None:
        if patience:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIME.pack(patience, 0))
        self._end, self._lock = end, threading.Lock()
        self._incoming = end.makefile("rb")

    def send(self, message: Any) -> None:
        """Raises OSError where the other end is gone, or takes nothing; nothing more can be sent then."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._end.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> Any:
        """The next message; raises EOFError where the other end is gone, also in the midst of one."""
        try:
            (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
            return pickle.loads(self._exactly(length))
        except Exception as error:  # what cannot be read is no message, and nothing after it can be found
            raise EOFError(f"{type(error).__name__}: {error}") from None

    def _exactly(self, length: int) -> bytes:
        data = self._incoming.read(length)
        if len(data) < length:
            raise EOFError("the other end is gone")
        return data

    def end(self) -> None:
        """Send and receive no more: the other end, and who receives here, get an EOFError."""
        with suppress(OSError):  # the other end was first
            self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of this end, once nobody receives any more."""
        self._incoming.close()
        self._end.close()
