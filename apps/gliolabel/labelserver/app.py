"""The MONAI Label app of the product: wires studies, state, models and tasks together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from gliolabel.dicom import DicomOptions
from gliolabel.dicom.results.delivery import Delivery, destination_of
from gliolabel.dicom.results.gathering import Gathering
from gliolabel.errors import InputError
from gliolabel.labelserver.case_app import CaseApp
from gliolabel.labelserver.case_training import RetrainTask
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.retraining_trigger import RetrainingTrigger
from gliolabel.labelserver.retrainings import Retrainings
from gliolabel.labelserver.sending import Sending
from gliolabel.labelserver.strategies import strategies
from gliolabel.labelserver.tasks.segmentation import SegmentationTask
from gliolabel.labelserver.tasks.uncertainty import UncertaintyTask
from gliolabel.labelserver.tasks.where_to_look import WhereToLookTask
from gliolabel.labelserver.workbench import Workbench
from gliolabel.preprocessing import processing_for
from gliolabel.registry import Registry, starter_folder
from gliolabel.state.outbox import Outbox
from gliolabel.studies import Studies, open_studies
from gliolabel.vocabulary import DEFAULT_MODEL, MODELS, TISSUES

_LOG = logging.getLogger(__name__)


class GlioLabelApp(CaseApp, MONAILabelApp):
    """Brain tumours for MONAI Label.

    Args:
        app_dir: the app folder. Nothing is written there but MONAI Label's log.
        studies: the study folder. It is only read.
        conf: see :class:`~gliolabel.labelserver.configuration.Configuration`.

    Raises:
        InputError: the configuration or the study folder cannot be used.
        UnavailableError: the state folder cannot be written.
    """

    # A radiologist may: no training replaces what is served but by the gate.
    training_role = settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str] | None) -> None:
        configuration, notes = read_configuration(conf or {})
        super().__init__(
            app_dir, studies, conf, name="GlioLabel - brain tumours", label_set=TISSUES, configuration=configuration, notes=notes
        )
        self.trigger = RetrainingTrigger(
            DEFAULT_MODEL, self.retrainings, self.trainings, after=configuration.retrain_after, at=configuration.retrain_at
        )

    # --- MONAI Label builds the datastore first, then the tasks

    def init_datastore(self) -> Datastore:
        """The study folder as a datastore."""
        configuration = self.configuration
        dicom = DicomOptions(
            rules=configuration.dicom_rules,
            cache=self.folder.cache / "dicom",
            cache_gib=configuration.dicom_cache,
            search=configuration.dicom_search,
            follow=True,
        )
        processing = processing_for(
            configuration.preprocess,
            register=configuration.registration,
            extractor=configuration.brain_extraction,
            n4=configuration.n4,
            cache=self.folder.cache,
        )
        studies = open_studies(self.studies, labels=configuration.labels, dicom=dicom, processing=processing)
        self.cases = CaseDatastore(studies, self.database, import_labels=configuration.labels_in_folder == "import")
        self.workbench = Workbench(
            registry=Registry(
                configuration.weights or starter_folder(),
                state=self.folder,
                uri=configuration.mlflow,
                database=configuration.database or "",
            ),
            maps=self.cases.maps,
            notes=self.cases.notes,
            readers=self.readers,
            device=configuration.device,
            memory_gib=configuration.memory,
            queue=configuration.queue,
        )
        self.sending = self._sending(studies)
        if configuration.gate is not None:
            from gliolabel.training.gate import load_criteria

            load_criteria(configuration.gate)  # said now, and not after hours of training
        self.retrainings = Retrainings(self.cases, self.workbench.registry, self.database, criteria=configuration.gate)
        return self.cases

    def _sending(self, studies: Studies) -> Sending | None:
        """What sends results. It works for DICOM studies, at the end of each submission where the site says so.

        Raises:
            InputError: the site says so, and these are no DICOM studies.
        """
        try:
            destination = destination_of(studies, folder=self.folder.results)
        except InputError as error:
            if self.configuration.send_results == "off":
                return None
            raise InputError(f"--conf send_results {self.configuration.send_results}: {error}") from error
        self.cases.sends_accepted = self.configuration.send_results == "submit"
        delivery = Delivery(studies, Gathering(self.database), destination)
        return Sending(Outbox(self.database), delivery, map_comes=self.workbench.makes_map_of)

    def init_trainers(self) -> dict[str, TrainTask]:
        """A trainer for each model."""
        return {name: RetrainTask(name, self.retrainings, self.workbench) for name in MODELS}

    def init_infers(self) -> dict[str, InferTask]:
        """The tasks; those without weights are not offered."""
        masks = {name: SegmentationTask(self.workbench, self.files, model=name) for name in MODELS}
        return {
            **masks,
            "where_to_look": WhereToLookTask(self.workbench, self.files),
            "uncertainty": UncertaintyTask(self.workbench, self.files),
        }

    # --- retraining

    def news(self) -> list[str]:
        """Also when retraining begins by itself, and how the last one ended."""
        outcome = self.retrainings.last_outcome(self.last_trainer())
        return [*super().news(), *filter(None, [self.trigger.sentence(), "" if outcome is None else outcome.sentence])]

    def info(self) -> dict[str, Any]:
        """What the plugin is told, and when retraining begins by itself."""
        info, first = super().info(), self.last_trainer()
        # The plugin shows the progress and accuracy of the first, whichever is running.
        stats = {name: info["train_stats"][name] for name in sorted(info["train_stats"], key=lambda name: name != first)}
        return {**info, "train_stats": stats, "retraining": self.trigger.info()}

    def last_trainer(self) -> str:
        """Also of an earlier server."""
        return super().last_trainer() or self.retrainings.last_model()

    def on_init_complete(self) -> None:
        """Go on with a training that was interrupted, and look from now on whether it is time for another."""
        super().on_init_complete()
        run = self.trainings.go_on()
        if run is not None:
            _LOG.info("The training of %s that was interrupted goes on", run.model)
        self.trigger.start()

    def _give_up(self) -> None:
        self.trigger.give_up()
        super()._give_up()

    def init_strategies(self) -> dict[str, Strategy]:
        """How Next Sample chooses."""
        return dict(strategies(self.workbench))
