"""One picture of a result: the sequences, the mask, the uncertainty map and the places to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gliolabel.vocabulary import LABEL_COLOURS, LABELS, RESEARCH_NOTICE, SEQUENCES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gliolabel.inference import Segmentation
    from gliolabel.studies import CaseImages, Grid
    from gliolabel.uncertainty import Place


#: A place within this many slices of the one shown counts as on it.
_NEAR_SLICES = 2
#: Window of the grey values inside the head, percentiles.
_WINDOW = (1.0, 99.5)
#: Voxels around the head, and mm around the tumour, that are shown.
_HEAD_MARGIN, _TUMOUR_MARGIN_MM = 4, 15.0

#: Rows and columns: first, last.
_Box = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class _View:
    """The axial slice that is shown, in radiological convention: the patient's right on the left, front up."""

    grid: Grid
    index: int

    def cut(self, array: np.ndarray, source: Grid) -> np.ndarray:
        return _to_lps(array, source)[0][self.index]

    @property
    def aspect(self) -> float:
        return self.grid.spacing[1] / self.grid.spacing[0]

    def locate(self, position: Sequence[float]) -> tuple[float, float, float]:
        """Column, row and slice offset of an LPS position in mm."""
        x, y, z = (np.linalg.inv(self.grid.affine) @ np.array([*position, 1.0]))[:3]
        return float(x), float(y), float(z) - self.index

    def box_around(self, inside: np.ndarray, *, margin: int) -> _Box:
        """Rows and columns of the True voxels of a slice and ``margin`` voxels more; everything where there are none."""
        if not inside.any():
            return (0, inside.shape[0] - 1), (0, inside.shape[1] - 1)
        rows, columns = (np.flatnonzero(inside.any(axis=1 - axis)) for axis in (0, 1))
        return (int(rows[0]) - margin, int(rows[-1]) + margin), (int(columns[0]) - margin, int(columns[-1]) + margin)


def draw_result(images: CaseImages, result: Segmentation, places: Sequence[Place], path: Path, *, note: str = "") -> Path:
    """Draw a result on the slice with the most tumour and write it as PNG.

    Args:
        images: the case as read; grid and arrays (z, y, x).
        result: its segmentation.
        places: places to look at, worst first.
        path: the file to write; its folder must exist.
        note: a sentence for the foot of the picture.

    Returns:
        ``path``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    view = _view_of_most_tumour(result.mask, result.grid)
    figure = Figure(figsize=(15, 8.2), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 4, gridspec_kw={"hspace": 0.02, "wspace": 0.02})
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, sequence in zip(axes[0], SEQUENCES, strict=True):
        _draw_sequence(axis, sequence, images, view)
    background = view.cut(images.arrays[images.reference], images.grid)
    head = view.box_around(background > background.min(), margin=_HEAD_MARGIN)
    _draw_mask(axes[1, 0], background, view.cut(result.mask, result.grid), view)
    _draw_map(figure, axes[1, 1], background, result, view)
    _draw_places(axes[1, 2], background, result, places, view)
    _write_text(axes[1, 3], result, places, view)
    for axis in (*axes[0], *axes[1, :2]):
        _zoom(axis, head)
    heading = f"{result.case_id}: {result.model} {result.model_version}, axial slice {view.index + 1} of {view.grid.size[2]}"
    figure.suptitle(heading, color="white", fontsize=13)
    figure.supxlabel(f"{note} {RESEARCH_NOTICE}".strip(), color="white", fontsize=11)
    figure.savefig(path, dpi=110, facecolor="black")
    return path


def _to_lps(array: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    import SimpleITK as sitk

    from gliolabel.studies import Grid

    turned = sitk.DICOMOrient(grid.image(array), "LPS")
    return sitk.GetArrayViewFromImage(turned).copy(), Grid.of(turned)


def _view_of_most_tumour(mask: np.ndarray, grid: Grid) -> _View:
    turned, turned_grid = _to_lps(mask, grid)
    area = (turned > 0).sum(axis=(1, 2))
    return _View(turned_grid, int(area.argmax()) if area.any() else len(area) // 2)


def _show_grey(axis: Axes, image: np.ndarray, view: _View) -> None:
    head = image[image > image.min()]
    low, high = np.percentile(head, _WINDOW) if head.size else (0.0, 1.0)
    axis.imshow(image, cmap="gray", vmin=low - 0.05 * (high - low), vmax=high, aspect=view.aspect, interpolation="bilinear")


def _zoom(axis: Axes, box: _Box) -> None:
    (top, bottom), (left, right) = box
    axis.set_xlim(left - 0.5, right + 0.5)
    axis.set_ylim(bottom + 0.5, top - 0.5)


def _title(axis: Axes, text: str) -> None:
    axis.set_title(text, color="white", fontsize=11, pad=3)


def _draw_sequence(axis: Axes, sequence: str, images: CaseImages, view: _View) -> None:
    _title(axis, sequence)
    if sequence not in images.arrays:
        axis.text(0.5, 0.5, "not in this case", color="white", ha="center", va="center", transform=axis.transAxes)
        return
    _show_grey(axis, view.cut(images.arrays[sequence], images.grid), view)


def _draw_mask(axis: Axes, background: np.ndarray, mask: np.ndarray, view: _View) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    _title(axis, "mask")
    _show_grey(axis, background, view)
    overlay = np.zeros((*mask.shape, 4))
    for name, value in LABELS.items():
        overlay[mask == value] = (*to_rgb(LABEL_COLOURS[name]), 0.6)
    axis.imshow(overlay, aspect=view.aspect, interpolation="nearest")
    axis.legend(
        handles=[Patch(color=LABEL_COLOURS[name], label=name) for name in LABELS],
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(LABELS),
        fontsize=9,
        labelcolor="white",
        facecolor="black",
        edgecolor="none",
        handlelength=1.2,
    )


def _draw_map(figure: Figure, axis: Axes, background: np.ndarray, result: Segmentation, view: _View) -> None:
    _title(axis, "uncertainty")
    _show_grey(axis, background, view)
    if result.maps is None:
        return
    std = view.cut(result.maps.measures["std"], result.grid)
    top = max(float(std.max()), 0.05)
    shown: Any = axis.imshow(
        std, cmap="magma", vmin=0, vmax=top, alpha=np.clip(std / (0.15 * top), 0, 0.9), aspect=view.aspect, interpolation="nearest"
    )
    bar = figure.colorbar(shown, ax=axis, location="left", shrink=0.7, pad=0.01)
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    bar.set_label(f"standard deviation over {result.maps.passes} passes", color="white", fontsize=9)
    bar.ax.tick_params(colors="white", labelsize=8)


def _draw_places(axis: Axes, background: np.ndarray, result: Segmentation, places: Sequence[Place], view: _View) -> None:
    _title(axis, "places to look at (dotted: on another slice)")
    _show_grey(axis, background, view)
    mask = view.cut(result.mask, result.grid)
    for name, value in LABELS.items():
        if (mask == value).any():
            axis.contour(mask == value, levels=[0.5], colors=[LABEL_COLOURS[name]], linewidths=1.2)
    for number, place in enumerate(places, start=1):
        x, y, offset = view.locate(place.position)
        style = "solid" if abs(offset) <= _NEAR_SLICES else "dotted"
        axis.scatter([x], [y], s=220, facecolors="#00000080", edgecolors="white", linestyles=style, linewidths=1.6, zorder=3)
        axis.text(x, y, str(number), color="white", fontsize=10, fontweight="bold", ha="center", va="center_baseline", zorder=4)
    _zoom(axis, view.box_around(mask > 0, margin=round(_TUMOUR_MARGIN_MM / view.grid.spacing[0])))


def _write_text(axis: Axes, result: Segmentation, places: Sequence[Place], view: _View) -> None:
    lines = ["Volumes"] + [f"  {region}  {ml:8.1f} mL" for region, ml in result.volumes_ml.items()]
    lines += ["", "Places to look at, worst first"]
    for number, place in enumerate(places, start=1):
        _, _, offset = view.locate(place.position)
        slice_number = round(offset) + view.index + 1
        lines.append(f"  {number}  {place.region} {place.kind:<6}  score {place.score:.2f}  slice {slice_number}")
    if not places:
        lines.append("  none: the passes agree everywhere" if result.maps is not None else "  no map was asked for")
    lines += ["", *(f"{'!' if text else ''} {text}" for text in result.warnings)]
    axis.text(0.02, 0.95, "\n".join(lines), color="white", fontsize=10, family="monospace", va="top", transform=axis.transAxes, wrap=True)
