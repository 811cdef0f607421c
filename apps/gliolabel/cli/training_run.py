"""What `gliolabel train` does once its options are read: data, training, weights, scores, each said and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gliolabel.cli import console
from gliolabel.cli.roles import refuse_locked_cases
from gliolabel.errors import UnavailableError
from gliolabel.inference import Segmenter
from gliolabel.recipes import ModelVersion, Recipe, save_model_version
from gliolabel.studies import Studies
from gliolabel.studies.ids import patient_of
from gliolabel.training.cache import Cache
from gliolabel.training.data import TrainingData, patch_data, whole_sample_data
from gliolabel.training.distributed import Processes
from gliolabel.training.engine import Epoch, Progress, Training
from gliolabel.training.holdout import evaluate_cases, precision_cost
from gliolabel.training.provenance import describe_training
from gliolabel.training.sample_pictures import choose_samples, draw_predictions
from gliolabel.training.samples import SampleSet
from gliolabel.training.testing import score_parts
from gliolabel.training.tracking import Status, Tracker, how_to_open
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps whose mean loss the progress bar shows.
_RECENT = 50


class TrainingRun:
    """One run of the command.

    Args:
        recipe: what is trained.
        output: where everything goes.
        start: weights to start from.
        epochs: length, instead of the recipe's; or
        steps: length in steps.
        version: what the result is called.
        device: where to train; empty: the best there is.
        tracked: whether curves go to MLflow.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        output: Path,
        start: ModelVersion | None,
        epochs: int | None,
        steps: int | None,
        version: str,
        device: str,
        tracked: bool,
    ) -> None:
        self._recipe, self._output, self._start = recipe, output, start
        self._epochs, self._steps, self._version = epochs, steps, version
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._processes = Processes.join(self._device)
        if self._processes.count > 1 and self._device == "cuda":
            self._device = f"cuda:{self._processes.local_rank}"
        self._tracked = tracked and self._processes.first
        self._cache = Cache(output / "cache", shared=self._processes.count > 1)

    def on_patches(self, store: Studies, held: Sequence[str]) -> None:
        """Train on patches of cases, and test on the cases held out."""
        wanted = [case for case in store if case.label is not None and case.id not in held]
        refuse_locked_cases({case.id: patient_of(case.id) for case in wanted})
        with self._bar() as bar:
            reading = bar.add_task("reading cases", total=len(wanted))
            data = patch_data(self._recipe, wanted, held_out=held, cache=self._cache, report=lambda: bar.advance(reading))
        model = self._fit(data)
        if model is not None and held:
            self._test_on_cases(model, store, held)

    def on_whole_samples(self, studies: Path, *, labels: str | None) -> None:
        """Train on whole samples, and score every part of the split."""
        self._say("reading and preparing all cases")
        data = whole_sample_data(self._recipe, studies, cache=self._cache, labels=labels)
        # Weights are chosen by the validation samples; on those of the test they are only scored.
        seen = [part for role, part in data.parts.items() if role != "test"]
        refuse_locked_cases({case_id: part.patients[case_id] for part in seen for case_id in part.case_ids})
        model = self._fit(data)
        if model is None:
            return
        table = score_parts(self._recipe, model.build().state_dict(), data, device=self._device)
        self._write(
            "test.json", {"recipe": self._recipe.name, "version": self._version, "split": self._recipe.data.split.by, "parts": table}
        )
        for role, found in table.items():
            score = found["scores"]["score"]
            text = "" if score["with_tumour"] is None else f" ({score['with_tumour']:.3f} where there is tumour)"
            console.out.print(f"{role}: {self._recipe.score.kind} {score['all']:.3f}{text}, {found['samples']} samples")

    def leave(self) -> None:
        """Leave the other processes."""
        self._processes.leave()

    def _fit(self, data: TrainingData) -> ModelVersion | None:
        """Train, and write weights, split and curves; None in all processes but the first."""
        recipe = self._recipe
        if data.warning is not None and self._processes.first:
            console.warning(data.warning)
        self._say(data.words)
        self._write("split.json", data.split)
        training = Training(
            recipe,
            data.source,
            folder=self._output,
            validation=data.validation,
            device=self._device,
            initial=None if self._start is None else self._start.build().state_dict(),
            epochs=self._epochs,
            steps=self._steps,
            class_weights=data.class_weights,
            processes=self._processes,
        )
        tracker = Tracker(self._output, recipe, enabled=self._tracked, resume=training.step > 0)
        tracker.begin({"steps": training.steps, "version": self._version, "device": self._device, "data": data.words})
        status: Status = "FAILED"
        try:
            with self._bar() as bar:
                trained = training.run(self._reporter(training, data, tracker, bar))
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            tracker.end(status)
        if not self._processes.first:
            return None
        return self._save(trained, training, data)

    def _reporter(self, training: Training, data: TrainingData, tracker: Tracker, bar: Any) -> Callable[[Progress], None]:
        name = self._recipe.name
        pictured = choose_samples(data.validation) if data.validation is not None and tracker.enabled else []
        task = bar.add_task(f"training {name}", total=training.steps, completed=training.step)

        def report(progress: Progress) -> None:
            recent = training.losses[-_RECENT:]
            bar.update(task, completed=progress.step, description=f"training {name}, loss {sum(recent) / len(recent):.3f}")
            tracker.step(progress.step, loss=progress.loss, learning_rate=training.learning_rate)
            if progress.ended is None:
                return
            self._write("curves.json", curves(training.history))
            tracker.epoch(progress.ended.epoch, _numbers(progress.ended))
            if data.validation is not None:
                self._say(_line(progress))
                if pictured:
                    tracker.picture(self._picture(training, data.validation, pictured), f"epoch-{progress.ended.epoch:03}")

        return report

    def _picture(self, training: Training, samples: SampleSet, chosen: Sequence[int]) -> Figure:
        return draw_predictions(
            training.network,
            [samples[index] for index in chosen],
            threshold=self._recipe.inference.threshold,
            precision=training.precision,
            title=f"{self._recipe.name}, epoch {len(training.history)}",
        )

    def _save(self, trained: Mapping[str, torch.Tensor], training: Training, data: TrainingData) -> ModelVersion:
        start, recipe = self._start, self._recipe
        held = sorted({case_id for role, part in data.parts.items() if role != "train" for case_id in part.case_ids})
        model = save_model_version(
            self._output / f"{recipe.name}.safetensors",
            dict(trained),
            name=recipe.name,
            version=self._version,
            recipe=recipe,
            metadata=describe_training(
                data.trained_on,
                held_out=held or [str(case_id) for case_id in data.split.get("test", [])],
                steps=training.step,
                initial=None if start is None else {**start.metadata, "name": start.name, "version": start.version},
                pretrained=bool(getattr(training.network, "pretrained", False)),
            ),
        )
        kept = "" if training.kept_epoch is None else f", of epoch {training.kept_epoch}"
        console.out.print(f"Weights in {model.path}{kept}. {RESEARCH_NOTICE}")
        if self._tracked:
            console.note(f"Curves and pictures: {how_to_open(self._output)}")
        return model

    def _test_on_cases(self, model: ModelVersion, store: Studies, held: Sequence[str]) -> None:
        with self._bar() as bar:
            task = bar.add_task("testing on held-out cases", total=len(held))
            segmenter, cases = Segmenter(model, device=self._device), [store.get(case_id) for case_id in held]
            table: dict[str, Any] = evaluate_cases(segmenter, cases, report=lambda _: bar.advance(task))
        about = {key: model.metadata[key] for key in ("steps", "started_from") if key in model.metadata}
        masks = model.recipe.inference.model_dump(include={"tumour_threshold", "island_peak"})
        about = {"model": model.name, "version": model.version, **about, **masks}
        path = self._write("held-out.json", {**about, **table, "precision": precision_cost(segmenter, cases)})
        scores = ", ".join(f"{region} {value:.3f}" for region, value in table["mean_dice"].items())
        console.out.print(f"Mean Dice on {len(held)} held-out cases: {scores}. By case in {path}.")

    def _write(self, name: str, content: Any) -> Path:
        path = self._output / name
        if self._processes.first:
            temporary = path.with_suffix(".tmp")
            try:
                self._output.mkdir(parents=True, exist_ok=True)
                temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
                temporary.replace(path)
            except OSError as error:
                raise UnavailableError(
                    f"{path} cannot be written ({error.strerror}). Free some space or mend the folder, then go on with --resume"
                ) from error
        return path

    def _say(self, text: str) -> None:
        if self._processes.first:
            console.note(text)

    def _bar(self) -> Any:
        return console.progress_bar(shown=self._processes.first)


def curves(history: Sequence[Epoch]) -> dict[str, list[Any]]:
    """Columns of all epochs, equally long: ``epoch``, ``step``, ``loss``, ``learning_rate``, ``validation_loss``, ``score``, ..."""
    return {name: [getattr(epoch, name) for epoch in history] for name in Epoch.__dataclass_fields__}


def _numbers(epoch: Epoch) -> dict[str, float]:
    names = ("loss", "learning_rate", "validation_loss", "score", "score_with_tumour")
    return {name: value for name in names if (value := getattr(epoch, name)) is not None}


def _line(progress: Progress) -> str:
    ended = progress.ended
    assert ended is not None
    text = f"epoch {ended.epoch} of {progress.epochs}: loss {ended.loss:.4f}"
    if ended.validation_loss is not None and ended.score is not None:
        text += f", validation loss {ended.validation_loss:.4f}, score {ended.score:.4f}"
    return f"{text}, {progress.seconds_left / 60:.1f} min left"
