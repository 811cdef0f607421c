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
from gliolabel.recipes import Recipe, save_model_version
from gliolabel.state import StateFolder
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:  # the training loop brings much with it that a server without trainings never needs
    from torch import Tensor

    from gliolabel.training.engine import Progress
    from gliolabel.training.samples import SampleSet

#: Bytes of prepared slices kept in memory; more go to the disk. The server has other things to do with the rest.
_CACHE_BYTES: Final = 2 << 30
_ABOUT: Final = "about.json"


class TrainOptions(BaseModel):
    """Options of a training. What the plugin sends beside them is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    epochs: int | None = Field(default=None, ge=1, le=10_000)
    start: Literal["anew", "served weights", "continue"] = "anew"


class SliceTrainTask(BackgroundTrainTask):
    """Trains a recipe on slices.

    Args:
        recipe: what is trained.
        weights: where the result goes.
        workbench: serves it, and says on which device is computed.
        folder: the state folder; training data and the checkpoint lie in its ``training``.
    """

    def __init__(self, recipe: Recipe, weights: LatestWeights, *, workbench: Workbench, folder: StateFolder) -> None:
        super().__init__(f"Trains {recipe.name} on all completed cases and serves the result. {RESEARCH_NOTICE}")
        self._recipe, self._weights, self._workbench = recipe, weights, workbench
        self._folder = folder.path / "training"
        self._stats: dict[str, Any] = {}

    def config(self) -> dict[str, Any]:
        """The options, as the plugin shows them."""
        return {"epochs": self._recipe.epochs or 1, "start": ["anew", "served weights", "continue"]}

    def check(self, request: Mapping[str, Any]) -> None:
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

    def _initial(self, options: TrainOptions) -> dict[str, Tensor] | None:
        if options.start != "served weights":
            return None
        names = self._weights.names()
        if not names:
            raise InputError("There are no served weights to start from. Start anew.")
        return self._weights.champion(names[0]).build().state_dict()

    def _fit(
        self, data: Path, work: Path, *, epochs: int, initial: dict[str, Tensor] | None, run: TrainingRun
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The trained weights, and what a weights file says of them."""
        from gliolabel.losses import balanced_class_weights
        from gliolabel.recipes.schema import BinaryLoss, WholeSampling
        from gliolabel.training.batches import WholeSource
        from gliolabel.training.cache import Cache
        from gliolabel.training.engine import Training
        from gliolabel.training.samples import open_samples
        from gliolabel.training.splits import split_samples

        samples = open_samples(self._recipe, data, cache=Cache(work / "cache", limit_bytes=_CACHE_BYTES))
        recipe, section = self._recipe, self._recipe.data.split
        if len(set(samples.patients.values())) == 1:
            # Nobody is left to judge by: the last epoch is kept.
            recipe = recipe.model_copy(update={"keep": "last", "stopping": None})
            section = section.model_copy(update={"take": ()})
        parts = split_samples(samples, section)
        train, validation = parts["train"], parts.get("validation")
        run.say(f"training on {train.counts()}")
        assert isinstance(recipe.sampling, WholeSampling), "open_samples refuses others"
        balanced = isinstance(recipe.loss, BinaryLoss) and recipe.loss.class_weights == "balanced"
        training = Training(
            recipe,
            WholeSource(train, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed),
            folder=work,
            validation=validation,
            device=self._workbench.device,
            initial=initial,
            epochs=epochs,
            class_weights=balanced_class_weights(train.targets()) if balanced else None,
        )
        trained = training.run(lambda progress: self._report(progress, run))
        return trained, _describe(train, validation, epochs=epochs)

    def _report(self, progress: Progress, run: TrainingRun) -> None:
        """After every step: makes way, or ends the training."""
        run.pause()
        ended = progress.ended
        if ended is None:
            return
        dice = ended.score if ended.score_with_tumour is None else ended.score_with_tumour
        best = max(self._stats.get("best_metric", 0.0), dice or 0.0)
        # The words of MONAI Label's own trainers.
        self._stats = {"epoch": ended.epoch, "total_epochs": progress.epochs, "best_metric": best, "loss": ended.loss}
        said = "" if dice is None else f", Dice {dice:.3f} on validation slices with tumour"
        run.say(f"epoch {ended.epoch} of {progress.epochs}: loss {ended.loss:.3f}{said}; {progress.seconds_left:.0f} s left")


def _describe(train: SampleSet, validation: SampleSet | None, *, epochs: int) -> dict[str, Any]:
    """What a weights file says of its training."""
    from gliolabel.training.provenance import UNKNOWN_TERMS, code_version

    return {
        "trained_on": train.image_sha256,
        "held_out": list(validation.case_ids) if validation is not None else [],
        "terms": UNKNOWN_TERMS,
        "epochs": epochs,
        "code_version": code_version(),
        "notice": RESEARCH_NOTICE,
    }
