"""A correction of a real case: what it changed is what the metrics say, and real cases are divided as the shares say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import serving
from tests.labelserver.test_server import array_of

from gliolabel.labelserver.accepted import accepted
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.metrics import dice
from gliolabel.metrics.regions import region_masks
from gliolabel.state import Database, StateFolder
from gliolabel.studies import open_studies
from gliolabel.vocabulary import LABELS, REGIONS

pytestmark = pytest.mark.slow

CASE = "BraTS2021_00495"


def test_the_label_beside_a_real_case_is_submitted_over_the_models_mask(brats_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    for path in (brats_folder / CASE).glob("*"):
        if "seg" not in path.name:
            target = tmp_path / "studies" / CASE / path.name
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(path)
    label = open_studies(brats_folder).get(CASE).read_label_image()
    file = tmp_path / "label.nrrd"
    sitk.WriteImage(label.grid.image(label.array.astype(np.int16)), str(file))
    with serving(tmp_path, None) as start:
        server = start(tmp_path / "studies")
        client = server.client("ann")
        result, _ = client.infer("unet3d", CASE, {"passes": 0, "client_id": "ann"})
        names = [{"name": name, "idx": 5 * value} for name, value in LABELS.items()]
        reply = client.save_label(CASE, str(file), params={"label_info": names, "client_id": "ann"})
        role = server.get("/datastore/?output=all").json()["objects"][CASE]["image"]["info"]["role"]
        print(json.dumps(reply["correction"]))  # the example in docs/how-to/corrections-and-roles.md
    mask, truth = region_masks(array_of(result)), region_masks(label.array)
    np.testing.assert_allclose([reply["correction"]["dice"][region] for region in REGIONS], dice(mask, truth), atol=1e-4)
    assert [reply["correction"]["changed_voxels"][region] for region in REGIONS] == [
        int((a != b).sum()) for a, b in zip(mask, truth, strict=True)
    ]
    assert role == "train", "the starter of resunet2d was trained on it"


def test_twenty_real_cases_are_divided_as_the_shares_say(brats_folder: Path, tmp_path: Path) -> None:
    store = CaseDatastore(open_studies(brats_folder), Database(StateFolder(tmp_path / "state").create()))
    found = Counter(label.role for label in accepted(store, store.roles))
    assert found.total() == 20
    assert abs(found["train"] - 12) <= 1
    assert abs(found["validation"] - 3) <= 1
    assert abs(found["locked"] - 5) <= 1
    sizes = Counter((row.stratum, row.role) for row in store.roles.all().values())
    # Each class of size is in the locked cases.
    assert len([stratum for stratum, role in sizes if role == "locked"]) == 3
