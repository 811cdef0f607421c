"""The networks of the reports. Each takes channel-first tensors and returns logits."""

from gliolabel.networks.base import SegmentationNetwork
from gliolabel.networks.encoders import EncoderUNet, ResNet50UNet, VGG16UNet
from gliolabel.networks.resunet import ResUNet2D
from gliolabel.networks.unet import UNet

__all__ = ["EncoderUNet", "ResNet50UNet", "ResUNet2D", "SegmentationNetwork", "UNet", "VGG16UNet"]
