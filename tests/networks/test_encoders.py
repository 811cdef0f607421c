"""The encoder U-Nets of report 004: size, frozen blocks, and ImageNet weights that may or may not be there."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from monai.networks.nets import FlexibleUNet
from torch import Tensor, nn

from gliolabel.networks import EncoderUNet, ResNet50UNet, VGG16UNet
from gliolabel.networks.encoders import resnet50, vgg16
from gliolabel.networks.encoders.pretrained import RESNET50, VGG16, ImageNetWeights, load_imagenet

BOTH = pytest.mark.parametrize("make", [VGG16UNet, ResNet50UNet])


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_vgg16_has_the_published_convolutions_and_a_plain_unets_way_up() -> None:
    network = VGG16UNet()
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    encoder = sum(9 * a * b + b for a, b in pairwise(widths))
    assert encoder == 14_714_688  # torchvision's vgg16().features
    assert trainable(network.encoder) == encoder
    decoder = 0
    for low, high in ((512, 512), (512, 256), (256, 128), (128, 64)):
        decoder += 4 * low * high + high + (9 * 2 * high * high + high) + (9 * high * high + high) + 4 * high
    assert trainable(network) == encoder + decoder + 64 + 1


def test_resnet50_is_monais_and_torchvisions_count() -> None:
    network = ResNet50UNet()
    assert trainable(network.unet.encoder) == 25_557_032 - (2048 * 1000 + 1000)  # torchvision's resnet50() without its classifier
    assert trainable(network) == trainable(FlexibleUNet(3, 1, backbone="resnet50", pretrained=False, spatial_dims=2)) == 32_109_681


@BOTH
@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_logits_have_the_inputs_size(make: type[EncoderUNet], size: tuple[int, int]) -> None:
    network = make(4, 2)
    assert network(torch.randn(2, 4, *size)).shape == (2, 2, *size)
    assert len(network.stem(torch.randn(1, 4, *size))) == 5


@BOTH
def test_frozen_blocks_do_not_move_and_the_rest_does(make: type[EncoderUNet]) -> None:
    torch.manual_seed(0)
    network = make(frozen_blocks=2)
    network.train()
    frozen = {id(p) for block in network.blocks()[:2] for module in block for p in module.parameters()}
    before = {name: p.detach().clone() for name, p in network.state_dict(keep_vars=True).items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):
        network(torch.randn(2, 3, 64, 64)).square().mean().backward()
        optimiser.step()
    moved = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name, p in network.named_parameters() if id(p) not in frozen}
    assert frozen
    frozen_modules = {m for block in network.blocks()[:2] for part in block for m in part.modules()}
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            same = torch.equal(module.running_mean, before[f"{name}.running_mean"])
            assert same is (module in frozen_modules)
            assert module.training is (module not in frozen_modules)


def test_frozen_resnet_counts_its_stem_and_first_stage() -> None:
    network = ResNet50UNet(frozen_blocks=2)
    # Stem 7 * 7 * 3 * 64 + 128; first stage 215,808 with its batch norms.
    assert trainable(ResNet50UNet()) - trainable(network) == 9_408 + 128 + 215_808


@BOTH
def test_too_many_frozen_blocks_are_refused(make: type[EncoderUNet]) -> None:
    with pytest.raises(ValueError, match="frozen_blocks is 6; expected 0 to 5"):
        make(frozen_blocks=6)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def store(folder: Path, content: dict[str, Tensor], like: ImageNetWeights) -> ImageNetWeights:
    """Weights as torchvision publishes them: the file's name ends in the beginning of its SHA-256."""
    torch.save(OrderedDict(content), folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    (folder / "new.pth").rename(folder / f"net-{digest}.pth")
    return ImageNetWeights(name=like.name, file=f"net-{digest}.pth", prefix=like.prefix, megabytes=like.megabytes)


def test_without_a_file_training_starts_from_random_weights_and_says_so(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        network = ResNet50UNet(pretrained=True)
    assert network.pretrained is False
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for part in ("ResNet50", "random weights", "not the report's model", RESNET50.url, "98 MB", str(cache / "resnet50-0676ba61.pth")):
        assert part in record.getMessage()


@pytest.mark.parametrize(("make", "module", "like"), [(VGG16UNet, vgg16, VGG16), (ResNet50UNet, resnet50, RESNET50)])
def test_published_weights_are_loaded(
    make: type[EncoderUNet],
    module: object,
    like: ImageNetWeights,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    published = getattr(models, like.name.lower())(weights=None).eval()
    monkeypatch.setattr(module, like.name.upper(), store(cache, published.state_dict(), like))
    with caplog.at_level(logging.INFO):
        network = make(pretrained=True)
    assert network.pretrained is True
    assert "ImageNet weights loaded" in caplog.text
    # The same picture gives the same coarsest features as torchvision's own network.
    network.eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        if like is VGG16:
            expected = published.features[:30](x)
        else:
            expected = nn.Sequential(*list(published.children())[:-2])(x)
        torch.testing.assert_close(network.stem(x)[-1], expected)


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_a_damaged_file_is_left_alone(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = small()
    weights = store(cache, {f"features.{k}": v for k, v in small().state_dict().items()}, VGG16)
    weights.path.write_bytes(weights.path.read_bytes()[:-20])
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    assert load_imagenet(encoder, weights) is False
    assert "is damaged: its SHA-256 begins with" in caplog.text
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


@pytest.mark.parametrize("change", [{"features.1.running_var": torch.zeros(7)}, {"features.1.running_var": None}])
def test_a_file_of_another_network_is_left_alone(change: dict[str, Tensor | None], cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = {f"features.{k}": v for k, v in small().state_dict().items()} | change
    encoder = small()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    assert load_imagenet(encoder, store(cache, {k: v for k, v in content.items() if v is not None}, VGG16)) is False
    assert "does not fit" in caplog.text
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())
