"""Who asks: logins at an OpenID Connect provider, what their tokens say, and the one answer that is given without a token.

MONAI Label turns logins on by ``MONAI_LABEL_AUTH_ENABLE`` and then refuses every valid token: it calls PyJWT without naming an
algorithm, which PyJWT 2 does not accept. It also looks at no audience, waits for the provider on the event loop, never reads the
provider's keys again, and answers a wrong password with 500. Its settings and roles are kept; what reads the tokens is ours. When MONAI
Label checks tokens itself, :mod:`gliolabel.labelserver.login.guard` need no longer take its place;
:mod:`gliolabel.labelserver.login.images` is needed as long as the plugin downloads images without a token.
"""

from __future__ import annotations

from monailabel.config import settings


def login_is_on() -> bool:
    """Whether this server answers only those who logged in."""
    return bool(settings.MONAI_LABEL_AUTH_ENABLE)


__all__ = ["login_is_on"]
