"""Whether the server would ask for a login, and whether the provider answers."""

from __future__ import annotations

from gliolabel.cli.doctor.check import Check, Level

_HELP = "docs/how-to/log-in.md says how the provider is set up."


def login() -> Check:
    """Logins as MONAI Label's settings in this environment say; the provider is asked."""
    from gliolabel.errors import UnavailableError
    from gliolabel.labelserver.login import login_is_on
    from gliolabel.labelserver.login.guard import CLEAR, configured_provider, in_clear

    if not login_is_on():
        return Check("Login", Level.OK, "off: MONAI_LABEL_AUTH_ENABLE is not set", details={"on": False})
    provider = configured_provider()
    details: dict[str, object] = {"on": True, "realm": provider.realm, "client_id": provider.client_id}
    try:
        published = provider.published()
    except UnavailableError as error:
        fix = f"Check MONAI_LABEL_AUTH_REALM_URI, and whether this machine reaches it. {_HELP}"
        return Check("Login", Level.BAD, str(error), fix, {**details, "answers": False})
    details |= {"answers": True, "keys": len(published.keys), "issuer": published.issuer}
    on = f"on: {provider.realm} answers and publishes {len(published.keys)} key{'' if len(published.keys) == 1 else 's'}"
    if published.grants and "password" not in published.grants:
        fix = f"Allow it for the client {provider.client_id} (Keycloak: direct access grants). {_HELP}"
        return Check("Login", Level.WARNING, f"{on}, but does not offer the password grant, which is all the plugin knows", fix, details)
    if in_clear(provider.realm):
        what, _, fix = CLEAR.partition(": ")
        return Check("Login", Level.WARNING, f"{on}. {what}", f"{fix[0].upper()}{fix[1:]}.", details)
    return Check("Login", Level.OK, on, details=details)
