"""The exported MONAI bundle: what is in it, and that MONAI and a stock MONAI Label make our masks with it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import requests
import SimpleITK as sitk
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose
from monailabel.client import MONAILabelClient

from gliolabel.errors import InputError
from gliolabel.inference import Segmenter
from gliolabel.inference.masks import most_probable
from gliolabel.phantoms.phantom import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.registry.bundle import export_bundle
from gliolabel.studies import Case, open_studies
from gliolabel.vocabulary import SEQUENCES

REPOSITORY = Path(__file__).resolve().parents[2]


def write_4d(case: Case, path: Path, *, order: tuple[str, ...] = SEQUENCES) -> Path:
    """A case as one 4-D NIfTI file, as the bundle's README says how to make it."""
    images = [nibabel.load(case.sequences[name].path) for name in order]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.stack([np.asarray(image.dataobj) for image in images], -1), images[0].affine), path)
    return path


def run_bundle(bundle: Path, cases: Path, results: Path, *more: str, without_gliolabel: bool) -> None:
    """``python -m monai.bundle run``, in the bundle's folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY / "apps")}
    if without_gliolabel:
        blocker = bundle.parent / "blocker"
        blocker.mkdir(exist_ok=True)
        (blocker / "sitecustomize.py").write_text(
            "import sys\n"
            "class Blocker:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.partition('.')[0] == 'gliolabel':\n"
            "            raise ModuleNotFoundError('gliolabel cannot be imported here')\n"
            "sys.meta_path.insert(0, Blocker())\n"
        )
        environment["PYTHONPATH"] = str(blocker)
        check = [sys.executable, "-c", "import gliolabel"]
        assert "cannot be imported here" in subprocess.run(check, env=environment, capture_output=True, text=True).stderr
    command = [
        sys.executable,
        "-m",
        "monai.bundle",
        "run",
        "--config_file",
        "configs/inference.json",
        "--meta_file",
        "configs/metadata.json",
    ]
    command += ["--dataset_dir", str(cases), "--output_dir", str(results), "--device", "$torch.device('cpu')", *more]
    done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def mask_of(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@contextmanager
def stock_server(app: Path, studies: Path, *, model: str) -> Iterator[str]:
    """A stock MONAI Label with its own ``monaibundle`` app, as the bundle's README starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--conf", "models", model, "--conf", "zoo_source", "local"]
    command += ["--conf", "sam2", "false", "--conf", "skip_trainers", "true"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MONAI_LABEL_AUTO_UPDATE_SCORING": "false"}
    log = app.parent / "stock.log"
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            end = time.monotonic() + 600
            while True:
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < end, log.read_text()[-4000:]
                try:
                    if requests.get(f"{url}/info/", timeout=5).ok:
                        break
                except requests.ConnectionError:
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def copied_app(folder: Path) -> Path:
    app = folder / "monaibundle"
    shutil.copytree(Path(sys.prefix) / "monailabel" / "sample-apps" / "monaibundle", app)
    return app


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """An untrained unet3d of three levels whose masks are of all classes."""
    recipe = load_recipe("unet3d")
    recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update={"channels": (4, 8, 8), "dropout": (0.3,)})})
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "unet3d.safetensors"
    metadata = {"trained_on": {"Case_1": {}}, "terms": {"Ours": "CC BY 4.0"}}
    return save_model_version(
        path, build_network(recipe.network).state_dict(), name="unet3d", version="site-1", recipe=recipe, metadata=metadata
    )


@pytest.fixture
def phantom(tmp_path: Path) -> Case:
    """A phantom with anisotropic voxels: it is resampled, and its mask brought back."""
    write_phantom_case(make_phantom(shape=(24, 48, 48), seed=3), tmp_path / "studies" / "Case_1", name="Case_1")
    return open_studies(tmp_path / "studies").get("Case_1")


def test_what_is_in_it(small: ModelVersion, tmp_path: Path) -> None:
    bundle = export_bundle(small, tmp_path / "bundles" / "unet3d-site-1")
    described = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert described["version"] == "site-1"
    assert described["gliolabel"]["weights_sha256"] == small.sha256()
    assert described["network_data_format"]["outputs"]["pred"]["channel_def"]["3"] == "enhancing tumor"
    assert "Research use only" in (bundle / "docs" / "README.md").read_text()
    assert "Ours: CC BY 4.0" in (bundle / "LICENSE").read_text()
    assert "Apache License" in (bundle / "docs" / "LICENSE-gliolabel").read_text()
    assert "{{" not in (bundle / "docs" / "README.md").read_text()
    assert (bundle / "scripts" / "networks" / "unet.py").is_file()
    for source in (bundle / "scripts").rglob("*.py"):
        assert "from gliolabel" not in source.read_text(), source
        assert "import gliolabel" not in source.read_text(), source
    weights = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, weights[name]) for name, value in small.build().state_dict().items())


@pytest.mark.parametrize(("tumour_threshold", "island_peak", "count"), [(None, None, 1), (0.4, None, 2), (None, 0.6, 2), (0.3, 0.7, 2)])
def test_how_masks_are_made_goes_with_it(
    small: ModelVersion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tumour_threshold: float | None,
    island_peak: float | None,
    count: int,
) -> None:
    rule = {"tumour_threshold": tumour_threshold, "island_peak": island_peak}
    inference = small.recipe.inference.model_copy(update=rule)
    version = replace(small, recipe=small.recipe.model_copy(update={"inference": inference}))
    bundle = export_bundle(version, tmp_path / "bundle")
    monkeypatch.syspath_prepend(str(bundle))
    for name in [name for name in sys.modules if name.split(".")[0] == "scripts"]:
        monkeypatch.delitem(sys.modules, name)
    config = ConfigParser(json.loads((bundle / "configs" / "inference.json").read_text()))
    transforms = config.get_parsed_content("postprocessing#transforms")[:-1]
    assert len(transforms) == count
    classes = torch.randn(4, 6, 6, 6, generator=torch.Generator().manual_seed(0)).softmax(0)
    mask = Compose(transforms)({"pred": classes})["pred"][0].numpy()
    np.testing.assert_array_equal(mask, most_probable(classes[1:].numpy(), **rule))


def test_it_is_written_whole_or_not_at_all(small: ModelVersion, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(InputError, match="is there already"):
        export_bundle(small, tmp_path / "taken")
    slices = load_recipe("patsatzi2023_unet2d_lgg")
    path = tmp_path / "lgg.safetensors"
    other = save_model_version(path, build_network(slices.network).state_dict(), name="lgg", version="1", recipe=slices, metadata={})
    with pytest.raises(InputError, match=r"sampling\.kind"):
        export_bundle(other, tmp_path / "lgg")
    assert not (tmp_path / "lgg").exists()


@pytest.mark.slow
@pytest.mark.parametrize("without_gliolabel", [False, True], ids=["package installed", "without the package"])
def test_monai_makes_our_mask(small: ModelVersion, phantom: Case, tmp_path: Path, without_gliolabel: bool) -> None:
    bundle = export_bundle(small, tmp_path / "bundle")
    write_4d(phantom, tmp_path / "cases" / "Case_1.nii.gz", order=("flair", "t1", "t1ce", "t2"))
    order = ("--sequences", "['flair','t1','t1ce','t2']")
    run_bundle(bundle, tmp_path / "cases", tmp_path / "results", *order, without_gliolabel=without_gliolabel)
    ours = Segmenter(small, device="cpu").segment(phantom).mask
    theirs = mask_of(tmp_path / "results" / "Case_1_mask.nii.gz")
    assert len(np.unique(ours)) > 2
    assert theirs.shape == ours.shape
    # Two libraries read the grid; where they differ in its last digit, resampling to 1 mm may turn a voxel over.
    assert (theirs == ours).mean() > 0.9999


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["unet3d", "resunet2d"])
def test_the_mask_of_a_real_case(name: str, brats_folder: Path, tmp_path: Path) -> None:
    version = Registry().champion(name)
    bundle = export_bundle(version, tmp_path / f"{name}-{version.version}")
    case = open_studies(brats_folder).get("BraTS2021_00495")
    ours = Segmenter(version, device="cpu").segment(case).mask
    write_4d(case, tmp_path / "cases" / f"{case.id}.nii.gz")
    run_bundle(bundle, tmp_path / "cases", tmp_path / "results", without_gliolabel=True)
    assert np.array_equal(mask_of(tmp_path / "results" / f"{case.id}_mask.nii.gz"), ours)
    if name == "unet3d":
        app = copied_app(tmp_path)
        shutil.copytree(bundle, app / "model" / bundle.name)
        with stock_server(app, tmp_path / "cases", model=bundle.name) as url:
            client = MONAILabelClient(url, tmpdir=str(tmp_path))
            file, params = client.infer(bundle.name, case.id, {"device": "cpu", "result_extension": ".nrrd", "result_dtype": "uint8"})
        assert params["label_names"] == {"necrosis": 1, "edema": 2, "enhancing tumor": 3}
        assert np.array_equal(mask_of(Path(file)), ours)
