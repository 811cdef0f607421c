"""A stock MONAI Label server with our weights, for ``gliolabel benchmark --load``: its own app class, datastore, routes and event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from monai.transforms import DeleteItemsd
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferTask

from gliolabel.labelserver.benchmark_stock import StockTask
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import LABELS

#: What the ``main.py`` of the app folder holds.
MAIN: Final = "from gliolabel.labelserver.benchmark_stock_server import StockServer  # noqa: F401\n"


class StockServerTask(StockTask):
    """:class:`StockTask` as MONAI Label's server calls it, over a 4-D file."""

    def pre_transforms(self, data: Any = None) -> Sequence[Callable[..., Any]]:
        """MONAI 1.6 stumbles over the name ``image_path``, which MONAI Label puts beside the image."""
        load, *others = super().pre_transforms(data)
        return [load, DeleteItemsd(keys="image_path"), *others]


class StockServer(MONAILabelApp):
    """MONAI Label's app with one segmentation task and nothing overridden.

    Args:
        app_dir: the app folder.
        studies: a folder of 4-D NIfTI files, channels last.
        conf: ``weights``, the weights file; ``device``.
    """

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        self._version = ModelVersion.load(Path(conf["weights"]))
        super().__init__(app_dir, studies, conf, name="stock MONAI Label", labels=list(LABELS))

    def init_infers(self) -> dict[str, InferTask]:
        """The one task."""
        return {self._version.name: StockServerTask(self._version)}


def make_app_folder(folder: Path) -> Path:
    """Make the app folder that MONAI Label starts with; returns it."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(MAIN, encoding="utf-8")
    return folder
