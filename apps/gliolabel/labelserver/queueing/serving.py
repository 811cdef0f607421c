"""Answering requests that compute: in threads of their own, which give way to everything else, for as long as the client is there."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from starlette.requests import Request

from gliolabel.labelserver.queueing.ticket import Ticket

_Answer = TypeVar("_Answer")

#: How much threads that compute give way to those that answer short requests (0 to 19).
_NICENESS: Final = 5
#: Seconds between two looks whether the client is there.
_LOOK_S: Final = 0.25


class Serving:
    """The threads of requests that compute.

    MONAI Label computes on the event loop, so that nothing else is answered meanwhile. FastAPI's own threads, of which there are 40, would
    all wait for the device one day, and nothing else be answered either.

    Args:
        most: threads at most; as many as there can be tickets in the queue.
    """

    def __init__(self, most: int) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="compute", initializer=step_back)

    async def answer(self, http: Request, ticket: Ticket, work: Callable[[], _Answer]) -> _Answer:
        """Do the work of a request in a thread. When the client goes away it is told to :meth:`~Ticket.leave`.

        Args:
            http: the request, whose body was read.
            ticket: its ticket in the queue; given up in the end.
            work: computes the answer; a turn of ``ticket`` ends soon after the client went away.
        """
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()

        def within_ticket() -> _Answer:
            with ticket:
                return context.run(work)

        watching = asyncio.create_task(_watch(http, ticket))
        try:
            return await loop.run_in_executor(self._threads, within_ticket)
        finally:
            watching.cancel()


def step_back() -> None:
    """Let other threads have the processor first (Linux; elsewhere this would be said of the whole process).

    PyTorch's own threads inherit it from the thread that first computes.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


async def _watch(http: Request, ticket: Ticket) -> None:
    while not await http.is_disconnected():
        await asyncio.sleep(_LOOK_S)
    ticket.leave()
