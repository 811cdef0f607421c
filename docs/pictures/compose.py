"""Several views beside each other with headings and legends, as a small PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib import colormaps, font_manager
from PIL import Image, ImageDraw, ImageFont

from gliolabel.vocabulary import LABEL_COLOURS

_GAP, _HEADING, _FOOT = 6, 40, 84
_INK, _DIM, _PAPER = (235, 235, 235), (160, 160, 160), (0, 0, 0)
_HEADINGS: Final = {"mask": "The mask", "map": "Where the model is unsure", "space": "Where to look first"}


def compose(
    pictures: Mapping[str, Path], path: Path, *, size: tuple[int, int], places: Sequence[str], note: str, map_range: tuple[float, float]
) -> None:
    """Write mask, map and surfaces side by side.

    Args:
        pictures: file by name: ``mask``, ``map``, ``space``.
        path: the .png to write.
        size: of each picture in it.
        places: what is said of each place, worst first.
        note: a line below.
        map_range: values at both ends of the map's scale.
    """
    width = len(_HEADINGS) * size[0] + (len(_HEADINGS) - 1) * _GAP
    sheet = Image.new("RGB", (width, _HEADING + size[1] + _FOOT), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, (name, heading) in enumerate(_HEADINGS.items()):
        left = number * (size[0] + _GAP)
        sheet.paste(_smaller(pictures[name], size), (left, _HEADING))
        pen.text((left + 14, 10), heading, font=_font(17, bold=True), fill=_INK)
        top = _HEADING + size[1] + 8
        if name == "mask":
            _tissues(pen, (left + 14, top))
        elif name == "map":
            _scale(sheet, pen, (left + 14, top), map_range)
        else:
            _list(pen, (left + 14, top), places[:3])
    pen.text((14, sheet.height - 22), note, font=_font(11), fill=_DIM)
    _save(sheet, path)


def single(picture: Path, path: Path, *, size: tuple[int, int]) -> None:
    """Write one picture at its size."""
    _save(_smaller(picture, size), path)


def _tissues(pen: ImageDraw.ImageDraw, place: tuple[int, int]) -> None:
    left, top = place
    for name, colour in LABEL_COLOURS.items():
        pen.rectangle((left, top + 3, left + 14, top + 17), fill=colour)
        pen.text((left + 21, top + 1), name, font=_font(14), fill=_INK)
        left += 21 + round(pen.textlength(name, font=_font(14))) + 22


def _scale(sheet: Image.Image, pen: ImageDraw.ImageDraw, place: tuple[int, int], limits: tuple[float, float]) -> None:
    left, top = place
    colours = (colormaps["magma"](np.linspace(0.25 + 0.75 * limits[0] / limits[1], 1.0, 150))[:, :3] * 255).astype(np.uint8)
    sheet.paste(Image.fromarray(np.repeat(colours[None], 14, axis=0)), (left, top + 3))
    pen.text((left + 158, top + 1), f"{limits[0]:g} to {limits[1]:g} and more", font=_font(13), fill=_INK)
    pen.text((left, top + 22), "standard deviation over the passes", font=_font(12), fill=_DIM)


def _list(pen: ImageDraw.ImageDraw, place: tuple[int, int], lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        pen.text((place[0], place[1] - 2 + 18 * number), line, font=_font(12), fill=_INK)


def _smaller(picture: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(picture) as image:
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _save(image: Image.Image, path: Path) -> None:
    # 256 colours chosen for the picture: a third of the size, and no difference to see.
    image.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)


def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    family = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(family), size)
