"""Low-grade gliomas on FLAIR, slice by slice: ``monailabel start_server --app sample-apps/lgg_flair --studies DIR``.

A small MONAI Label app, and the example of docs/how-to/write-your-own-app.md, which walks through it piece by piece.
"""

import sys
from pathlib import Path

from monailabel.interfaces.app import MONAILabelApp

try:
    import gliolabel  # noqa: F401
except ModuleNotFoundError:  # run from a clone that was not installed
    sys.path.append(str(Path(__file__).resolve().parents[2] / "apps"))

from functools import partial

from gliolabel.labelserver.case_app import CaseApp
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.slices import LatestWeights, SliceCaseSegmenter, SliceConfiguration, SliceDatastore, SliceStudies, SliceTrainTask
from gliolabel.labelserver.strategies import CaseStrategy, strategies
from gliolabel.labelserver.tasks.answers import CaseTask
from gliolabel.labelserver.tasks.segmentation import SegmentationTask
from gliolabel.labelserver.tasks.uncertainty import UncertaintyTask
from gliolabel.labelserver.workbench import Workbench
from gliolabel.recipes import load_recipe
from gliolabel.vocabulary import LabelSet

NAME = "lgg_flair"
# What a mask's values mean: 1 is tumour. Volumes and scores are of this one region.
TUMOR = LabelSet(labels={"tumor": 1}, regions={"tumor": (1,)})
# The experiment in one file: data, network, loss, optimiser, and the threshold of 0.3. Two things are set otherwise here. The report's
# network has no dropout, without which there is no Monte-Carlo uncertainty; and no patients are laid aside for a test.
RECIPE = "patsatzi2023_unet2d_lgg"
CHANGES = ["network.dropout=[0.1]", "data.split.take=[{role: validation, share: 0.2}]"]


# MONAI Label takes the class whose direct base is its own MONAILabelApp. CaseApp brings routes, state folder and error messages.
class LggFlairApp(CaseApp, MONAILabelApp):
    def __init__(self, app_dir: str, studies: str, conf: dict[str, str] | None) -> None:
        self.settings, notes = read_configuration(conf or {}, SliceConfiguration)
        self.recipe = load_recipe(self.settings.recipe or RECIPE, [*([] if self.settings.recipe else CHANGES), *self.settings.changes])
        super().__init__(app_dir, studies, conf, name="LGG on FLAIR", label_set=TUMOR, configuration=self.settings, notes=notes)

    # 1. What there is to segment. Slices are stacked into volumes, which is what Slicer opens.
    def init_datastore(self) -> SliceDatastore:
        settings = self.settings
        found = SliceStudies(Path(self.studies), spacing=settings.spacing, stacked=settings.slices == "stacked")
        self.cases = SliceDatastore(found, self.database, import_labels=settings.labels_in_folder == "import", label_set=TUMOR)
        # No weights come with this app: the LGG masks may not be used commercially, so neither may what learned from them.
        self.weights = LatestWeights(NAME, self.folder.path / "models", given=settings.weights)
        self.workbench = Workbench(
            registry=self.weights,
            models=[NAME],
            segmenter=partial(SliceCaseSegmenter, label_set=TUMOR),
            label_set=TUMOR,
            maps=self.cases.maps,
            notes=self.cases.notes,
            readers=self.readers,
            device=settings.device,
            queue=settings.queue,
        )
        return self.cases

    # 2. What the buttons run: a mask, and the map of where the model is unsure.
    def init_infers(self) -> dict[str, CaseTask]:
        description = f"Tumour on FLAIR, slice by slice, by the recipe {self.recipe.name}."
        return {
            NAME: SegmentationTask(self.workbench, self.files, model=NAME, description=description, sequences=False),
            "uncertainty": UncertaintyTask(self.workbench, self.files, sequences=False),
        }

    # 3. What Train does: learns from every completed case.
    def init_trainers(self) -> dict[str, SliceTrainTask]:
        return {NAME: SliceTrainTask(self.recipe, self.weights, workbench=self.workbench, folder=self.folder)}

    # 4. Which case comes next.
    def init_strategies(self) -> dict[str, CaseStrategy]:
        return dict(strategies(self.workbench))

    # What is missing, in the log and in the plugin.
    def advice(self) -> list[str]:
        if self.workbench.models():
            return []
        return [
            f"There are no weights yet, so no segmentation is offered. Press Train (trainer {NAME}) once some cases have masks, "
            f"or start the server with --conf weights FILE, made by `gliolabel train --recipe {RECIPE}`."
        ]
