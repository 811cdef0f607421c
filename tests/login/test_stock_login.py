"""The same logins at MONAI Label's own radiology app, to show that what is promised here is not so there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import Server, serving
from tests.login.provider import password_of
from tests.login.running import RunningProvider, bearer

pytestmark = pytest.mark.slow

STOCK = Path(sys.prefix) / "monailabel" / "sample-apps" / "radiology"


@pytest.fixture(scope="module")
def stock(provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Stock MONAI Label with logins at the same provider. It downloads nothing."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "studies").mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((16, 24, 24), np.int16)), str(folder / "studies" / "Case_000.nii.gz"))
    app = folder / "radiology"
    shutil.copytree(STOCK, app)
    conf = {"models": "segmentation", "use_pretrained_model": "false", "sam2": "false"}
    with serving(folder, None, app=app) as start:
        yield start(folder / "studies", conf=conf, env=provider.environment())


def test_stock_refuses_a_valid_token(stock: Server, provider: RunningProvider) -> None:
    answer = stock.get("/info/", headers=bearer(provider.token("chief")))
    assert answer.status_code == 401
    assert 'pass in a value for the "algorithms" argument' in stock.log.read_text()


def test_stock_answers_a_wrong_password_with_500(stock: Server) -> None:
    answer = stock.post("/auth/token", data={"username": "ann", "password": "wrong", "grant_type": "password"})
    assert answer.status_code == 500
    good = stock.post("/auth/token", data={"username": "ann", "password": password_of("ann"), "grant_type": "password"})
    assert good.status_code == 200, "the test's provider serves it too"
