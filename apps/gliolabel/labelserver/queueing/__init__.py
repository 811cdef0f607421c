"""The queue of a device: whose turn it is to compute, who is told to come back later, who has gone away."""

from gliolabel.labelserver.queueing.errors import BusyError, GoneError, StoppedError
from gliolabel.labelserver.queueing.line import DEFAULT_QUEUE, Line
from gliolabel.labelserver.queueing.ticket import Kind, Ticket

__all__ = ["DEFAULT_QUEUE", "BusyError", "GoneError", "Kind", "Line", "Ticket", "StoppedError"]
