"""The reports' experiments at a size that a laptop can repeat: the same recipes, narrower, on smaller pictures, for fewer epochs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """One training.

    Args:
        name: of the experiment and its folder.
        report: number of the report.
        recipe: name of the recipe.
        data: ``lgg`` or ``brats``.
        changes: variant first, then what is reduced.
        epochs: how many.
        title: what is varied, for the page.
    """

    name: str
    report: str
    recipe: str
    data: str
    changes: tuple[str, ...]
    epochs: int
    title: str


#: Report 000: an eighth of the channels, 64 x 64 pixels, ten times the learning rate (small networks bear it).
_SMALL_000 = (
    "network.channels=[8, 16, 32, 64, 128]",
    "preprocessing.0.size=[64, 64]",
    "sampling.patch=[64, 64]",
    "optimiser.learning_rate=0.001",
)
#: Report 001: a quarter of the channels.
_SMALL_001 = ("network.channels=[8, 16, 32, 64, 128]", "sampling.steps_per_epoch=8", "data.split.take=[{role: validation, share: 0.2}]")
#: Report 002: a quarter of the channels.
_SMALL_002 = ("network.channels=[8, 16, 32, 64, 128]",)
#: Report 004: 64 x 64 pixels.
_SMALL_004 = ("preprocessing=[{kind: divide, by: 255.0}, {kind: resize, size: [64, 64]}]", "sampling.patch=[64, 64]")

EXPERIMENTS = (
    *(
        Experiment(f"000-{variant}", "000", "patsatzi2023_unet2d_lgg", "lgg", (variant, *_SMALL_000), 12, title)
        for variant, title in (
            ("weighted_bce", "weighted BCE"),
            ("dice", "Dice"),
            ("combined", "combined"),
            ("slice_wise", "combined, split by slice"),
        )
    ),
    *(
        Experiment(f"001-{variant}", "001", "topcu2023_unet3d_brats21", "brats", (variant, *_SMALL_001), 6, title)
        for variant, title in (("cross_entropy", "cross-entropy"), ("combined_0.5", "combined, alpha 0.5"))
    ),
    Experiment("002-relu", "002", "keller_unet2d_brats20", "brats", _SMALL_002, 3, "the recipe"),
    *(
        Experiment(f"003-{variant}", "003", "jonsson2023_resunet2d_brats19", "brats", (variant,), 2, title)
        for variant, title in (("focal_standard", "standard focal loss"), ("focal_as_printed", "focal loss as printed"))
    ),
    *(
        Experiment(f"004-{variant}", "004", "lgg_encoders", "lgg", (variant, *_SMALL_004), 2, title)
        for variant, title in (
            ("plain", "plain U-Net"),
            ("vgg16", "VGG16"),
            ("resnet50", "ResNet50"),
            ("resnet50_frozen", "ResNet50, first two blocks frozen"),
        )
    ),
)
