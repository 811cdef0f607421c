"""``gliolabel models export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.models.options import Json, open_quietly
from gliolabel.errors import InputError
from gliolabel.vocabulary import RESEARCH_NOTICE


def export(
    what: Annotated[
        list[str], typer.Argument(help="Model, one of its versions (else the champion), new folder.", metavar="MODEL [VERSION] OUT")
    ],
    as_json: Json = False,
) -> None:
    """Write a model version as a MONAI bundle, which MONAI and a stock MONAI Label run without this package.

    It reads 4-D NIfTI files (t1, t1ce, t2, flair); OUT/docs/README.md says how to run it.

    Example: gliolabel models export unet3d site-1 bundles/unet3d-site-1
    """
    if len(what) not in (2, 3):
        raise InputError(f"{len(what)} arguments: expected MODEL OUT, or MODEL VERSION OUT")
    name, version, out = what[0], what[1] if len(what) == 3 else None, Path(what[-1])
    registry = open_quietly()
    chosen = registry.champion(name) if version is None else registry.version(name, version)
    from gliolabel.registry.bundle import export_bundle

    folder = export_bundle(chosen, out)
    if as_json:
        console.print_json({"model": chosen.name, "version": chosen.version, "bundle": str(folder)})
    else:
        print(f"{chosen.name} {chosen.version}: {folder}. {folder / 'docs' / 'README.md'} says how to run it. {RESEARCH_NOTICE}")
