"""Train: learns from every completed case of the server, and the result is served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gliolabel.errors import InputError
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.slices.training_folder import write_training_folder
from gliolabel.labelserver.slices.weights import LatestWeights
from gliolabel.labelserver.training_runs import BackgroundTrainTask, TrainingRun
from gliolabel.labelserver.wire import read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.recipes import ModelVersion, Recipe, save_model_version
from gliolabel.state import StateFolder
from gliolabel.studies.lgg import open_lgg
from gliolabel.training.retraining.job import Owner
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:  # the training loop brings much with it that a server without trainings never needs
    from torch import Tensor

    from gliolabel.training.engine import Progress

#: Bytes of prepared slices kept in memory; more go to the disk. The server has other things to do with the rest.
_CACHE_BYTES: Final = 2 << 30
_ABOUT: Final = "about.json"


class TrainOptions(BaseModel):
    """Options of a training. What the plugin sends beside them is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    #: Without it the recipe's own.
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    #: ``continue`` goes on with a training that was stopped.
    start: Literal["anew", "served weights", "continue"] = "anew"


class SliceTrainTask(BackgroundTrainTask):
    """Trains a recipe on slices.

    Args:
        recipe: what is trained.
        weights: where the result goes.
        workbench: serves it, and says on which device is computed.
        folder: the state folder; training data and the checkpoint lie in its ``training``.

    Raises:
        InputError: the recipe does not train on slices with one output.
    """

    def __init__(self, recipe: Recipe, weights: LatestWeights, *, workbench: Workbench, folder: StateFolder) -> None:
        if recipe.data.layout != "lgg" or recipe.network.out_channels != 1 or recipe.sampling.kind != "whole":
            raise InputError(
                f"--conf recipe: {recipe.name} has data.layout {recipe.data.layout}, sampling.kind {recipe.sampling.kind} and "
                f"{recipe.network.out_channels} outputs; expected lgg, whole and 1, such as patsatzi2023_unet2d_lgg"
            )
        super().__init__(f"Trains {recipe.name} on all completed cases and serves the result. {RESEARCH_NOTICE}")
        self._recipe, self._weights, self._workbench = recipe, weights, workbench
        self._folder = folder.path / "training"
        self._stats: dict[str, Any] = {}

    def config(self) -> dict[str, Any]:
        """The options, as the plugin shows them."""
        return {"epochs": self._recipe.epochs or 1, "start": ["anew", "served weights", "continue"]}

    def prepare(self, request: Mapping[str, Any], owner: Owner) -> None:
        """Refuse options that cannot be used.

        Raises:
            InputError: naming the option.
        """
        read_options(TrainOptions, request)

    def stats(self) -> dict[str, Any]:
        """How far the training is, in MONAI Label's words; the plugin's bar shows it."""
        return dict(self._stats)

    def train(self, request: Mapping[str, Any], cases: CaseDatastore, run: TrainingRun) -> dict[str, Any]:
        """Train on what is completed now; the weights are served when it ends well.

        Raises:
            InputError: no case is completed, or there is nothing to continue or to start from.
            UnavailableError: the disk is full.
        """
        options = read_options(TrainOptions, request)
        epochs, self._stats = options.epochs or self._recipe.epochs or 1, {}
        data, work = self._folder / "cases", self._folder / "run"
        if options.start == "continue":
            epochs = self._begun(work)
            run.say(f"continued where it was stopped, {epochs} epochs on the cases it began with")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            written = write_training_folder(cases, data, say=run.say, pause=run.pause)
            work.mkdir(parents=True)
            (work / _ABOUT).write_text(json.dumps({"epochs": epochs}))
            run.say(f"{len(written)} cases have masks")
        trained, metadata = self._fit(data, work, epochs=epochs, initial=self._initial(options), run=run)
        path, version = self._weights.next_file()
        save_model_version(path, trained, name=self._recipe.name, version=version, recipe=self._recipe, metadata=metadata)
        self._workbench.look_again()
        shutil.rmtree(self._folder, ignore_errors=True)
        run.say(f"served from now on: {version}")
        return {"version": version, **self._stats}

    def _begun(self, work: Path) -> int:
        """The epochs of the training that was stopped."""
        if not (work / "checkpoint.pt").is_file():
            raise InputError("There is no stopped training to continue, or it was stopped in its first epoch. Start anew.")
        return int(json.loads((work / _ABOUT).read_text())["epochs"])

    def _initial(self, options: TrainOptions) -> ModelVersion | None:
        if options.start != "served weights":
            return None
        names = self._weights.names()
        if not names:
            raise InputError("There are no served weights to start from. Start anew.")
        return self._weights.champion(names[0])

    def _fit(
        self, data: Path, work: Path, *, epochs: int, initial: ModelVersion | None, run: TrainingRun
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The trained weights, and what a weights file says of them."""
        from gliolabel.training.cache import Cache
        from gliolabel.training.data import whole_sample_data
        from gliolabel.training.engine import Training
        from gliolabel.training.provenance import describe_training

        recipe = self._recipe
        if len({case.patient for case in open_lgg(data)}) == 1:
            # Nobody is left to judge by: all slices are learned from, and the last epoch is kept.
            split = recipe.data.split.model_copy(update={"take": ()})
            changes = {"data": recipe.data.model_copy(update={"split": split}), "keep": "last", "stopping": None}
            recipe = recipe.model_copy(update=changes)
        found = whole_sample_data(recipe, data, cache=Cache(work / "cache", limit_bytes=_CACHE_BYTES))
        run.say(found.words)
        training = Training(
            recipe,
            found.source,
            folder=work,
            validation=found.validation,
            device=self._workbench.device,
            initial=None if initial is None else initial.build().state_dict(),
            epochs=epochs,
            class_weights=found.class_weights,
        )
        trained = training.run(lambda progress: self._report(progress, run))
        before = None if initial is None else {**initial.metadata, "name": initial.name, "version": initial.version}
        held_out = [] if found.validation is None else found.validation.case_ids
        return trained, describe_training(found.trained_on, held_out=held_out, steps=training.step, initial=before)

    def _report(self, progress: Progress, run: TrainingRun) -> None:
        """After every step: makes way, or ends the training."""
        run.pause()
        ended = progress.ended
        if ended is None:
            return
        dice = ended.score if ended.score_with_tumour is None else ended.score_with_tumour
        best = max(self._stats.get("best_metric", 0.0), dice or 0.0)
        # The words of MONAI Label's own trainers.
        self._stats = run.stats = {"epoch": ended.epoch, "total_epochs": progress.epochs, "best_metric": best, "loss": ended.loss}
        said = "" if dice is None else f", Dice {dice:.3f} on validation slices with tumour"
        run.say(f"epoch {ended.epoch} of {progress.epochs}: loss {ended.loss:.3f}{said}; {progress.seconds_left:.0f} s left")
