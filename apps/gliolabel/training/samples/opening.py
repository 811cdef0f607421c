"""From a folder to samples, as a recipe's ``data`` section says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gliolabel.errors import InputError
from gliolabel.recipes import Recipe
from gliolabel.recipes.schema import BrainStep
from gliolabel.training.cache import Cache
from gliolabel.training.samples.brats import find_volumes
from gliolabel.training.samples.lgg import find_slices
from gliolabel.training.samples.loader import CaseLoader
from gliolabel.training.samples.prepared import CaseSamples
from gliolabel.training.samples.sample_set import SampleSet


def open_samples(recipe: Recipe, studies: Path, *, cache: Cache, labels: str | None = None) -> SampleSet:
    """All labelled samples of a folder.

    Voxels are read when a sample is first asked for, or now if the recipe leaves out dark slices.

    Args:
        recipe: what a sample is, and how it is prepared.
        studies: the folder, in the layout that ``data.layout`` names.
        cache: where prepared cases are kept.
        labels: how BraTS labels are numbered, as for :func:`gliolabel.studies.open_studies`; by default found out.

    Raises:
        InputError: the folder holds nothing that can be used, a case cannot be read, or the recipe's sections do not fit each other.
    """
    cases = {loader.id: CaseSamples(loader, recipe, cache=cache) for loader in _loaders(recipe, studies, labels)}
    if recipe.data.unit == "volume":
        return SampleSet(recipe, cases, [(case_id, 0) for case_id in sorted(cases)])
    if recipe.data.smallest_lit_share is None:
        return SampleSet(recipe, cases, [(case_id, number) for case_id in sorted(cases) for number in cases[case_id].slices()])
    return _without_dark(cases, recipe, smallest=recipe.data.smallest_lit_share)


def _loaders(recipe: Recipe, studies: Path, labels: str | None) -> Sequence[CaseLoader]:
    brain = [index for index, step in enumerate(recipe.preprocessing) if isinstance(step, BrainStep)]
    if recipe.data.layout == "brats":
        if brain not in ([], [0]):
            raise InputError(f"recipe {recipe.name}: preprocessing.{brain[-1]} is the step brain; it can only be the first, and only once")
        return find_volumes(studies, channels=recipe.data.channels, brain=bool(brain), labels=labels)
    if brain or recipe.data.unit == "volume" or recipe.data.target == "classes":
        raise InputError(
            f"recipe {recipe.name}: data.layout lgg has single slices with masks of tumour or not; expected data.unit slice (it is "
            f"{recipe.data.unit}), data.target whole_tumour (it is {recipe.data.target}), and no preprocessing step brain"
        )
    return find_slices(studies, channels=recipe.data.channels)


def _without_dark(cases: Mapping[str, CaseSamples], recipe: Recipe, *, smallest: float) -> SampleSet:
    keys, dark = [], [0, 0]
    for case_id in sorted(cases):
        case = cases[case_id].get()
        for number, lit, tumour in zip(case.slices.tolist(), case.lit.tolist(), case.tumour.tolist(), strict=True):
            if lit < smallest:
                dark[int(tumour)] += 1
            else:
                keys.append((case_id, number))
    if not keys:
        raise InputError(f"recipe {recipe.name}: data.smallest_lit_share = {smallest} leaves out all {sum(dark)} slices; lower it")
    return SampleSet(recipe, cases, keys, dark=(dark[0], dark[1]))
