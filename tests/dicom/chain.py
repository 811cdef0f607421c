"""The whole chain with one command: a PACS, the server on it, a study pushed by a scanner, a click, and the results back in the PACS.

    python -m tests.dicom.chain                 # a made-up patient
    python -m tests.dicom.chain CASE            # a folder with the NIfTI files of one case
    python -m tests.dicom.chain CASE --keep     # ... and leave everything running, to look at it in a browser

It needs Orthanc, DCMTK and dicom3tools, and installs them on Debian as root. Everything else is thrown away at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from tests.dicom.made_up import write_study
from tests.dicom.orthanc import Orthanc, faults, missing
from tests.dicom.written import map_of, mask_of
from tests.labelserver.conftest import Server, serving, wait_until

from gliolabel.dicom import DicomFolder, case_id_of
from gliolabel.dicom.results.sources import SourceSeries, sources_of
from gliolabel.phantoms.phantom import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.studies import Case, Grid, open_studies

#: The modality of each kind of result.
RESULTS = {"SEG": "segmentation", "OT": "uncertainty map", "SR": "measurement report"}


@dataclass
class Chain:
    """What came of it.

    Args:
        pacs: the PACS, still running.
        server: the server, still running.
        case_id: the case.
        study: its StudyInstanceUID.
        mask: what the click gave, (z, y, x).
        uncertainty: the server's map of it.
        objects: what was found in the PACS, by modality.
        reference: the series that everything lies on.
    """

    pacs: Orthanc
    server: Server
    case_id: str
    study: str
    mask: np.ndarray
    uncertainty: np.ndarray
    objects: dict[str, Dataset]
    reference: SourceSeries


@contextlib.contextmanager
def chain(
    case: Case, folder: Path, *, passes: int = 20, weights: Path | None = None, say: Callable[[str], object] = lambda _: None
) -> Iterator[Chain]:
    """Run the chain. PACS and server run until the end of the block.

    Args:
        case: what is to be the patient's study.
        folder: for everything.
        passes: of the uncertainty map.
        weights: other weights than those of the package.
        say: is told what was done.
    """
    pacs = Orthanc(folder / "orthanc").start()
    try:
        say(f"A PACS: Orthanc, DICOMweb at {pacs.url}, DICOM at port {pacs.dicom_port}")
        with serving(folder, weights) as start:
            server = start(pacs.url, conf={"send_results": "submit"})
            say(f"The server: monailabel start_server --studies {pacs.url} --conf send_results submit, at {server.url}")
            study, sources = _study(case, folder / "study")
            pacs.push(folder / "study")
            before = pacs.instances(study)
            say(f"A study of {len(before)} images, pushed by storescu")
            case_id = case_id_of(study)
            wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 1)
            say(f"The server lists it as {case_id}")
            done = _read_and_submit(server, case_id, folder, passes, say)
            objects = {modality: pacs.fetch(uid) for modality, uid in pacs.instances(study) if modality in RESULTS}
            say(f"The PACS holds {', '.join(f'{RESULTS[one]} ({one})' for one in sorted(objects))}")
            yield Chain(pacs, server, case_id, study, *done, objects, sources)
    finally:
        pacs.stop()


def check(found: Chain, folder: Path, say: Callable[[str], object] = lambda _: None) -> None:
    """What has to be true at the end of the chain."""
    assert set(found.objects) == set(RESULTS)
    assert np.array_equal(mask_of(found.objects["SEG"], found.reference), found.mask)
    say(f"The segmentation is the mask, voxel for voxel: {int((found.mask > 0).sum())} of {found.mask.size} are tumour")
    assert np.array_equal(map_of(found.objects["OT"], found.reference.grid), found.uncertainty)
    say("The Parametric Map is the map, value for value")
    for modality, made in found.objects.items():
        path = folder / f"{modality}.dcm"
        made.save_as(path, write_like_original=False)
        assert faults(path) == [], modality
    say("dciodvfy finds no error in any of them")
    before = found.pacs.instances(found.study)
    answer = found.server.post(f"/results/?image={found.case_id}")
    assert answer.status_code == 202, answer.text
    wait_until(lambda: _sent(found.server, found.case_id))
    assert found.pacs.instances(found.study) == before
    say("Sent once more: nothing is there twice")


def _study(case: Case, folder: Path) -> tuple[str, SourceSeries]:
    images = case.read()
    study = write_study(folder, {sequence: (_whole_numbers(array), images.grid) for sequence, array in images.arrays.items()}, maker="ge")
    store = open_studies(folder)
    assert isinstance(store, DicomFolder)
    return study, sources_of(store, case_id_of(study))[case.reference]


def _whole_numbers(array: np.ndarray) -> np.ndarray:
    """What an MR image can hold."""
    if np.array_equal(array, np.rint(array)) and np.abs(array).max() < 32768:
        return array
    low, high = float(array.min()), float(array.max())
    return np.rint((array - low) * (4095 / (high - low)))


def _read_and_submit(
    server: Server, case_id: str, folder: Path, passes: int, say: Callable[[str], object]
) -> tuple[np.ndarray, np.ndarray]:
    client = server.client("chain")
    began = time.monotonic()
    path, params = client.infer("unet3d", case_id, {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": passes})
    mask = sitk.ReadImage(path)
    volumes = ", ".join(f"{region} {volume:g} mL" for region, volume in params["volumes_ml"].items())
    say(f"A click by the unmodified client: {params['model']} {params['model_version']}, {time.monotonic() - began:.0f} s: {volumes}")
    answer = server.get(f"/datastore/label?label={case_id}&tag=uncertainty")
    (folder / "map.nii.gz").write_bytes(answer.content)
    uncertainty = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "map.nii.gz")))
    info = [{"name": name, "idx": value} for name, value in params["label_names"].items()]
    began = time.monotonic()
    client.save_label(case_id, path, params={"label_info": info})
    say(f"Submitted, in {time.monotonic() - began:.1f} s")
    wait_until(lambda: _sent(server, case_id))
    say(f"Sent, {time.monotonic() - began:.0f} s after the submission")
    assert Grid.of(mask).shape == uncertainty.shape
    return sitk.GetArrayFromImage(mask), uncertainty


def _sent(server: Server, case_id: str) -> bool:
    answer = server.get(f"/results/?image={case_id}").json()
    assert all(one["state"] != "failed" for one in answer), answer
    return bool(answer) and all(one["state"] == "sent" for one in answer)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", type=Path, help="a folder with one case")
    parser.add_argument("--passes", type=int, default=20, help="of the uncertainty map (default 20)")
    parser.add_argument("--keep", action="store_true", help="leave everything running until Enter is pressed")
    options = parser.parse_args()
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory(prefix="gliolabel-chain-") as name:
        folder = Path(name)
        if options.case is None:
            write_phantom_case(make_phantom(seed=1), folder / "patient", name="Patient")
        cases = list(open_studies(options.case or folder / "patient"))
        if not cases:
            sys.exit(f"{options.case}: no case found")
        count = iter(range(1, 100))

        def say(text: str) -> None:
            print(f"{next(count):2}. {text}", flush=True)

        with chain(cases[0], folder, passes=options.passes, say=say) as found:
            check(found, folder, say)
            if options.keep:
                viewer = f"{found.server.url}/ohif/viewer?StudyInstanceUIDs={found.study}"
                print(f"    In a browser: {viewer}\n    Press Enter to end.", flush=True)
                with contextlib.suppress(EOFError, KeyboardInterrupt):
                    input()


if __name__ == "__main__":
    main()
