"""Who asks for something that is somebody's, and whether they may have it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import User

from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.routes.people import client_of
from gliolabel.training.retraining.job import Owner


@dataclass(frozen=True)
class Asker:
    """Who sent a request.

    Args:
        name: the user's name, or what the client calls itself; empty if it did not say.
        address: of the client's machine; empty for a user who logged in, who may sit anywhere.
        administrator: may do what others began.
    """

    name: str
    address: str
    administrator: bool = False

    @classmethod
    def of(cls, http: Request, user: User, *, client_id: object, as_administrator: bool = False) -> Asker:
        """Who sent this request.

        Args:
            http: the request.
            user: MONAI Label's user.
            client_id: what the client calls itself.
            as_administrator: without logins, a request from the server's own machine may ask for an administrator's rights.
        """
        name, address = client_of(user, client_id), http.client.host if http.client else ""
        if login_is_on():
            return cls(name, "", administrator=settings.MONAI_LABEL_AUTH_ROLE_ADMIN in user.roles)
        return cls(name, address, administrator=as_administrator and from_here(http.scope))

    @property
    def owner(self) -> Owner:
        """As the owner of what they begin."""
        return Owner(name=self.name or "a client", address=self.address)

    def may_stop(self, owner: Owner) -> bool:
        """Whether they may stop what that owner began.

        MONAI Label's own client does not say who it is when it asks for a stop: without a name the address decides.

        Example:
            >>> ann = Owner(name="ann", address="192.0.2.7")
            >>> Asker("", "192.0.2.7").may_stop(ann), Asker("ben", "192.0.2.7").may_stop(ann), Asker("", "192.0.2.8").may_stop(ann)
            (True, False, False)
        """
        if self.administrator:
            return True
        same_place = self.address == owner.address and bool(self.address or self.name)
        return same_place and self.name in (owner.name, *([""] if self.address else []))
