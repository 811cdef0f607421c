"""The networks of the reports. Each takes channel-first tensors and returns logits."""

from gliolabel.networks.base import SegmentationNetwork
from gliolabel.networks.resunet import ResUNet2D
from gliolabel.networks.unet import UNet

__all__ = ["ResUNet2D", "SegmentationNetwork", "UNet"]
