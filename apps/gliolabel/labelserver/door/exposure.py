"""Who can reach the server, and whether they have to log in.

MONAI Label listens on all addresses of the machine and asks for no login unless it is told to: whoever reaches the machine reads the
images, changes labels and starts trainings.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from gliolabel.errors import InputError
from gliolabel.labelserver.door.addresses import only_here
from gliolabel.labelserver.login import login_is_on

_WHAT_TO_DO = "Add --host 127.0.0.1 where Slicer runs on this machine; else turn on the login, see docs/how-to/run-the-server.md."


def check_login(required: bool) -> None:
    """Refuse to start open where a login is required.

    Raises:
        InputError: ``--conf require_login true``, and there is none.
    """
    if required and not login_is_on():
        raise InputError(
            "--conf require_login true: no login is set up, so the server does not start. Set MONAI_LABEL_AUTH_ENABLE=true and "
            "MONAI_LABEL_AUTH_REALM_URI, see docs/how-to/run-the-server.md."
        )


def open_to(arguments: Sequence[str] | None = None) -> str:
    """The address under which anybody on the network uses this server without a login; empty when nobody can.

    Args:
        arguments: of the command that started the server; by default this process's.
    """
    if login_is_on():
        return ""
    host = _host(sys.argv[1:] if arguments is None else arguments)
    return "" if only_here(host) else host


def warnings(address: str) -> list[str]:
    """Lines for the log, when the server is open to ``address``."""
    return [
        "*" * 78,
        f"OPEN TO EVERYBODY: this server listens on {address} and asks for no login.",
        "Whoever reaches this machine can read the images, change labels and start trainings.",
        _WHAT_TO_DO,
        "*" * 78,
    ]


def sentence(address: str) -> str:
    """For the plugin's description of the server, when it is open to ``address``; else nothing."""
    return "OPEN TO EVERYBODY on this network: it asks for no login." if address else ""


def _host(arguments: Sequence[str]) -> str:
    parser = ArgumentParser(add_help=False, exit_on_error=False)
    # Of `monailabel start_server`; else of uvicorn.
    parser.add_argument("-i", "--host", default="0.0.0.0" if "start_server" in arguments else "127.0.0.1")
    return str(parser.parse_known_args(list(arguments))[0].host)
