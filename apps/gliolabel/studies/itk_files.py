"""One file at a time through ITK.

SimpleITK lets go of Python's lock while it reads or writes a file, but what is below it keeps state for the whole process (NIfTI's
library its options, NRRD's its errors, the list of readers). Two threads that read headers at once have ended the process: with a
segmentation fault much later, or an abort on the spot; helgrind shows the races. SimpleITK's filters are not concerned.

Goes when ITK says that its readers and writers may be used in several threads.
"""

from __future__ import annotations

import threading
from typing import Final

#: To be held while SimpleITK reads a file or its header. Volumes are decompressed elsewhere (:mod:`gliolabel.studies.voxels`).
ITK_READS: Final = threading.Lock()

#: To be held while SimpleITK writes a file. A lock of its own: compressing a map takes long, and short requests read headers.
ITK_WRITES: Final = threading.Lock()
