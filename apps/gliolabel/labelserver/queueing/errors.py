"""What a request meets in the queue."""

from __future__ import annotations

from gliolabel.errors import GlioLabelError, UnavailableError


class BusyError(UnavailableError):
    """Too many requests are before this one; it is told when to come back.

    Args:
        ahead: how many.
        wait_s: seconds until it would have been this one's turn; None: nothing was measured yet.
        retry_after_s: seconds after which there is probably a ticket again.
    """

    def __init__(self, *, ahead: int, wait_s: float | None, retry_after_s: int) -> None:
        about = "" if wait_s is None else f", about {max(1, round(wait_s))} s"
        super().__init__(f"The server is busy: {ahead} ahead of you{about}. Try again in {retry_after_s} s.")
        self.ahead = ahead
        self.retry_after_s = retry_after_s


class StoppedError(UnavailableError):
    """The server is going down; what was under way was given up."""

    def __init__(self, message: str = "The server is going down. Try again when it is back.") -> None:
        super().__init__(message)


class GoneError(GlioLabelError):
    """Nobody waits for the answer any more: the client closed its connection."""

    #: Nobody reads it; proxies use this number for the same thing.
    status = 499

    def __init__(self) -> None:
        super().__init__("The client went away; its request was given up.")
