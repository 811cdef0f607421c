"""What the server says about itself: in the log at the start, and to the plugin."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from gliolabel.dicom import DicomStudies
from gliolabel.errors import GlioLabelError
from gliolabel.inference.plan import CASE_VOXELS
from gliolabel.labelserver.door.install import allowed_origins
from gliolabel.studies import Studies
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

#: So many problems are named one by one.
_SHOWN = 10
#: So many cases are looked at to plan memory.
_LOOKED_AT = 16


def describe(app: CaseApp) -> list[str]:
    """Lines for the log: cases, problems, models, device, folders."""
    studies = app.cases.studies
    status = app.cases.status()
    lines = [f"GlioLabel {app.version}. {RESEARCH_NOTICE}", studies.describe()]
    lines += [f"  warning: {warning}" for warning in studies.warnings]
    problems = studies.problems
    lines += [f"  problem: {problem.message}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  ... and {len(problems) - _SHOWN} more problems")
    uploads = status["total"] - len(studies)
    lines.append(
        f"{status['completed']} of {status['total']} cases are completed"
        + (f", {uploads} cases were uploaded" if uploads else "")
        + (
            ""
            if app.configuration.labels_in_folder == "import"
            else "; labels beside the cases are ignored (--conf labels_in_folder ignore)"
        )
    )
    models = app.workbench.models()
    lines += [f"Model {name}: version {version.version}" for name, version in models.items()]
    if not models and not app.advice():
        lines.append("No model has weights, so no segmentation is offered. `gliolabel doctor` says what to do.")
    lines.append(f"Device: {app.workbench.device_text()}")
    plan = app.workbench.plan
    if plan is not None:
        lines.append(f"Memory of {plan.device}: {plan}")
        if not plan.enough:
            lines.append("  warning: little memory is free: large cases are segmented in small windows, slower. Stop other programs.")
    lines.append(f"State folder: {app.folder.path}")
    # MONAI Label says before that it allows every origin; that is taken back.
    lines.append(f"Web pages that may ask: {', '.join(['its own', *allowed_origins(app.configuration)])}")
    return [*lines, *app.login.describe()]


def planned_voxels(studies: Studies) -> int:
    """Voxels of the largest of the first cases, for the memory plan. Of a PACS no header is read."""
    sizes = []
    for case in islice(() if isinstance(studies, DicomStudies) else studies, _LOOKED_AT):
        with suppress(GlioLabelError):  # a damaged case is named elsewhere
            sizes.append(math.prod(case.grid().shape))
    return max(sizes, default=CASE_VOXELS)


def study_warnings(studies: Studies) -> list[str]:
    """Sentences for the plugin's server description: what is wrong with the study folder."""
    sentences = [f"{warning.rstrip('.')}." for warning in studies.warnings]
    count = len(studies.problems)
    if count:
        sentences.append("1 file has a problem; the log names it." if count == 1 else f"{count} files have problems; the log names them.")
    return sentences
