"""Putting our routes before MONAI Label's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from gliolabel.labelserver.door.install import install_door
from gliolabel.labelserver.login import routes as login
from gliolabel.labelserver.login.proxies import ClientAddresses
from gliolabel.labelserver.routes import (
    about,
    batch,
    closed,
    images,
    infer,
    labels,
    listing,
    pacs,
    records,
    results,
    samples,
    scoring,
    sequences,
    sessions,
    train,
    watch,
)
from gliolabel.labelserver.routes.describing import describe_what_answers
from gliolabel.labelserver.watching import install_watching

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp


def install_routes(server: FastAPI, app: CaseApp) -> None:
    """Add our routes in front of all others, and the door in front of those.

    Args:
        server: MONAI Label's FastAPI application.
        app: answers the requests.
    """
    before = len(server.router.routes)
    modules = (infer, labels, images, sequences, records, sessions, samples, batch, train, listing, scoring, pacs, results, about, watch)
    for module in (*modules, closed):
        server.include_router(module.router(app))
    server.include_router(login.router(app.login))
    # The first route that fits answers.
    ours = server.router.routes[before:]
    del server.router.routes[before:]
    server.router.routes[:0] = ours
    describe_what_answers(server)
    install_door(server, app)
    install_watching(server, app)
    server.add_middleware(ClientAddresses, trusted=app.configuration.trusted_proxies)
    app.login.guard(server)
