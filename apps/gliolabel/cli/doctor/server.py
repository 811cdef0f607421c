"""The address the server shall listen on."""

from __future__ import annotations

import os

from gliolabel.cli.doctor.check import Check, Level
from gliolabel.cli.ports import port_is_free


def port_free(host: str, port: int) -> Check:
    """Whether the server could listen there."""
    details = {"host": host, "port": port}
    try:
        free = port_is_free(host, port)
    except OSError as error:
        fix = "Use an address of this machine: --host 127.0.0.1, or 0.0.0.0 for all of them; ports below 1024 need rights."
        return Check("Port", Level.BAD, f"{host}:{port} cannot be used ({error.strerror or error})", fix, details)
    if not free:
        return Check(
            "Port", Level.BAD, f"{host}:{port} is in use", f"Stop what listens there, or choose another: --port {port + 1}.", details
        )
    return Check("Port", Level.OK, f"{host}:{port} is free", details=details)


def access(host: str) -> Check:
    """Whether anybody on the network could use the server."""
    from gliolabel.labelserver.door.addresses import only_here

    guarded = os.environ.get("MONAI_LABEL_AUTH_ENABLE", "").lower() in {"1", "true", "yes", "on"}
    details = {"host": host, "authentication": guarded}
    if guarded or only_here(host):
        return Check("Access", Level.OK, "only with a login" if guarded else f"{host}: this machine only", details=details)
    fix = (
        "Add --host 127.0.0.1 where Slicer runs on this machine; else turn on the login (docs/how-to/run-the-server.md). "
        "With --conf require_login true the server does not start without one."
    )
    return Check(
        "Access",
        Level.WARNING,
        f"OPEN TO EVERYBODY: on {host} whoever reaches this machine can read the images and change labels; no login is asked for",
        fix,
        details,
    )
