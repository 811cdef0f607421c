"""The MONAI Label app of the product: wires studies, state, models and tasks together."""

from __future__ import annotations

from collections.abc import Mapping

from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.strategy import Strategy

from gliolabel.labelserver.case_app import CaseApp
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.strategies import strategies
from gliolabel.labelserver.tasks.segmentation import SegmentationTask
from gliolabel.labelserver.tasks.uncertainty import UncertaintyTask
from gliolabel.labelserver.tasks.where_to_look import WhereToLookTask
from gliolabel.labelserver.workbench import Workbench
from gliolabel.registry import MODELS, Registry, starter_folder
from gliolabel.studies import open_studies
from gliolabel.vocabulary import TISSUES


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

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str] | None) -> None:
        configuration, notes = read_configuration(conf or {})
        super().__init__(
            app_dir, studies, conf, name="GlioLabel - brain tumours", label_set=TISSUES, configuration=configuration, notes=notes
        )

    # --- MONAI Label builds the datastore first, then the tasks

    def init_datastore(self) -> Datastore:
        """The study folder as a datastore."""
        configuration = self.configuration
        studies = open_studies(self.studies, labels=configuration.labels)
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
        )
        return self.cases

    def init_infers(self) -> dict[str, InferTask]:
        """The tasks; those without weights are not offered."""
        masks = {name: SegmentationTask(self.workbench, self.files, model=name) for name in MODELS}
        return {
            **masks,
            "where_to_look": WhereToLookTask(self.workbench, self.files),
            "uncertainty": UncertaintyTask(self.workbench, self.files),
        }

    def init_strategies(self) -> dict[str, Strategy]:
        """How Next Sample chooses."""
        return dict(strategies(self.workbench))
