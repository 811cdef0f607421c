"""The errors a user can cause or meet. Each message names the file or field, the value, what was expected and what to do.

The label server turns them into HTTP answers by :attr:`GlioLabelError.status`; the command line turns an
:class:`InputError` or :class:`UnknownError` into exit code 2 and the others into exit code 1.
"""

from __future__ import annotations

from typing import ClassVar


class GlioLabelError(Exception):
    """Base of all errors whose message is meant for a person."""

    status: ClassVar[int] = 500


class InputError(GlioLabelError):
    """What was given cannot be used: a corrupt file, a value out of range, a grid that does not fit."""

    status = 422


class TooLargeError(InputError):
    """What was sent is larger than this server takes."""

    status = 413


class ForbiddenError(GlioLabelError):
    """Whoever asks may not have this done, or not from where they are."""

    status = 403


class UnknownError(GlioLabelError):
    """A name that stands for nothing: a case, a model, a label, a session."""

    status = 404


class ConflictError(GlioLabelError):
    """What was asked for contradicts what is stored."""

    status = 409


class UnavailableError(GlioLabelError):
    """It cannot be done now, but may be later: no weights yet, the disk is full, the device is out of memory."""

    status = 503
