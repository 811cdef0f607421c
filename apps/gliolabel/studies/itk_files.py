"""One header at a time through ITK.

SimpleITK lets go of Python's lock while it reads a file, but what is below it keeps state for the whole process. Threads that read
headers at once have ended the process: with a segmentation fault much later, or an abort on the spot; helgrind shows the races.
Writers are not held: the one race that it shows there is of a number which every writer sets to the same, and a reader's short
submission would wait for the compression of somebody's map. SimpleITK's filters are not concerned.

Goes when ITK says that its readers may be used in several threads.
"""

from __future__ import annotations

import threading
from typing import Final

#: To be held while SimpleITK reads a file or its header. Volumes are decompressed elsewhere (:mod:`gliolabel.studies.voxels`).
ITK_READS: Final = threading.Lock()
