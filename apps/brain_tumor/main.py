"""The MONAI Label app: ``monailabel start_server --app apps/brain_tumor --studies DIR``. All of it is in ``gliolabel.labelserver``."""

import sys
from pathlib import Path

try:
    import gliolabel  # noqa: F401
except ModuleNotFoundError:  # run from a clone that was not installed
    sys.path.append(str(Path(__file__).resolve().parents[1]))

# MONAI Label takes the class whose direct base is its own MONAILabelApp.
from gliolabel.labelserver.app import GlioLabelApp  # noqa: F401
