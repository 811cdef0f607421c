"""A recipe in words and numbers, for tables."""

from __future__ import annotations

from dataclasses import dataclass

from gliolabel.recipes.building import count_parameters
from gliolabel.recipes.schema import BinaryLoss, FocalDiceLoss, MultilabelLoss, NetworkSection, Recipe, RegionLoss

_NETWORKS = {"resunet2d": "ResU-Net", "unet": "U-Net", "vgg16_unet": "VGG16 U-Net", "resnet50_unet": "ResNet50 U-Net"}


@dataclass(frozen=True)
class Description:
    """What a table shows of a recipe.

    Args:
        network: in words, e.g. ``3-D U-Net``.
        trainable: trainable parameters.
        static: frozen parameters and running statistics.
        input: channels and size, e.g. ``4 x 64 x 64``.
        loss: in words.
        length: e.g. ``40 epochs``.
    """

    network: str
    trainable: int
    static: int
    input: str
    loss: str
    length: str


def describe(recipe: Recipe) -> Description:
    """The recipe's description; parameters are counted on a network without weights."""
    trainable, static = count_parameters(recipe.network)
    size = " x ".join(str(edge) for edge in (recipe.network.in_channels, *recipe.sampling.patch))
    length = f"{recipe.steps:,} steps" if recipe.steps is not None else f"{recipe.epochs} epochs"
    return Description(
        network=network_in_words(recipe.network),
        trainable=trainable,
        static=static,
        input=size,
        loss=loss_in_words(recipe),
        length=length,
    )


def network_in_words(network: NetworkSection) -> str:
    """E.g. ``2-D U-Net``."""
    return f"{network.spatial_dims}-D {_NETWORKS[network.kind]}"


def loss_in_words(recipe: Recipe) -> str:
    """E.g. ``0.8 focal (standard) + 0.2 Dice (1 - D) of the batch``."""
    loss = recipe.loss
    if isinstance(loss, RegionLoss):
        return _sum((loss.dice, "Dice of WT, TC, ET"), (loss.cross_entropy, "cross-entropy"))
    if isinstance(loss, MultilabelLoss):
        return _sum((loss.alpha, "Dice of all classes"), (1 - loss.alpha, "cross-entropy"))
    if isinstance(loss, FocalDiceLoss):
        form = {"one_minus": "1 - D", "negative_log": "-log D"}[loss.dice_form]
        return _sum((loss.focal, f"focal ({loss.form})"), (loss.dice, f"Dice ({form}) of the batch"))
    return _binary(loss)


def _binary(loss: BinaryLoss) -> str:
    weighted = [name for name, on in (("classes", loss.class_weights == "balanced"), ("borders", loss.border)) if on]
    entropy = f"cross-entropy weighted by {' and '.join(weighted)}" if weighted else "cross-entropy"
    return _sum((loss.cross_entropy, entropy), (loss.dice, f"Dice of {'the batch' if loss.batch else 'each sample'}"))


def _sum(*parts: tuple[float, str]) -> str:
    present = [(factor, name) for factor, name in parts if factor]
    return " + ".join(name if factor == 1 else f"{factor:g} {name}" for factor, name in present) or "none"
