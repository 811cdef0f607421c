"""U-Nets whose way down is a classification network, as report 004 compares them."""

from gliolabel.networks.encoders.resnet50 import ResNet50UNet
from gliolabel.networks.encoders.unet import EncoderUNet
from gliolabel.networks.encoders.vgg16 import VGG16UNet

__all__ = ["EncoderUNet", "ResNet50UNet", "VGG16UNet"]
