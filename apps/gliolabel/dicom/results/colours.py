"""Colours as DICOM states them."""

from __future__ import annotations

import numpy as np

#: sRGB (linear) to XYZ relative to D50, which DICOM's CIELab values are: IEC 61966-2-1 with Bradford adaptation.
_TO_XYZ = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
_WHITE = np.array([0.96422, 1.0, 0.82521])


def cielab(colour: str) -> tuple[int, int, int]:
    """An sRGB colour as DICOM's three 16-bit CIELab numbers (PS3.3 C.10.7.1.1).

    Args:
        colour: ``#rrggbb``.

    Example:
        >>> cielab("#ffffff")[0], cielab("#000000")
        (65535, (0, 32896, 32896))
    """
    levels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    ratio = _TO_XYZ @ linear / _WHITE
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    scaled = np.array([lightness / 100, (a + 128) / 255, (b + 128) / 255]) * 65535
    first, second, third = (int(value) for value in np.clip(np.rint(scaled), 0, 65535))
    return first, second, third
