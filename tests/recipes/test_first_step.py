"""The first step of every recipe and variant: its network's logits go into its loss and its score, at a size that takes no time."""

from __future__ import annotations

import pytest
import torch

from gliolabel.losses import build_loss
from gliolabel.metrics.building import build_score
from gliolabel.recipes import Recipe, build_network, list_recipes, load_recipe

EVERY = [(name, variant) for name in list_recipes() for variant in (None, *load_recipe(name).variants)]


def narrow(name: str, variant: str | None) -> Recipe:
    """With the same switches, but few channels and small samples."""
    recipe = load_recipe(name, [variant] if variant else [])
    edge = 32
    network = recipe.network.model_copy(update={"channels": (2, 4, 4, 4, 4) if recipe.network.channels else (), "pretrained": False})
    sampling = recipe.sampling.model_copy(update={"patch": (edge,) * recipe.network.spatial_dims})
    return recipe.model_copy(update={"network": network, "sampling": sampling})


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_loss_and_score_of_the_first_step(name: str, variant: str | None) -> None:
    torch.manual_seed(0)
    recipe = narrow(name, variant)
    network = build_network(recipe.network).train()
    space = recipe.sampling.patch
    classes = max(recipe.network.out_channels, 2)
    target = torch.randint(0, classes, (2, *space)).to(torch.uint8)
    border = recipe.loss.kind == "binary" and recipe.loss.border
    weight = torch.rand(2, *space) if border else None

    logits = network(torch.randn(2, recipe.network.in_channels, *space))
    loss = build_loss(recipe.loss, class_weights=(0.5, 2.0))(logits, target, weight)
    loss.backward()
    assert loss.item() > 0
    assert bool(torch.isfinite(loss))
    moving = [p.grad for p in network.parameters() if p.requires_grad]
    assert all(grad is not None and bool(torch.isfinite(grad).all()) for grad in moving)
    assert any(bool(grad.any()) for grad in moving if grad is not None)

    probabilities = logits.detach().sigmoid() if classes == 2 else logits.detach().softmax(dim=1)
    score = build_score(recipe.score, threshold=recipe.inference.threshold)(probabilities, target)
    assert score.shape == ((1,) if recipe.score.batch else (2,))
    assert bool(((score >= 0) & (score <= 1)).all())
