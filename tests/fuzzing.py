"""How much is fuzzed: a little in every run, always the same; much more at night, each time something else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings


def amounts(*, some: int, many: int) -> pytest.MarkDecorator:
    """The parameter ``amount`` of a fuzz test, as hypothesis settings.

    A reader that never ends is in compiled code, where no signal stops it: the time limit ends the process.

    Args:
        some: examples in every run.
        many: examples at night; a failure prints how it is made to happen again.
    """
    every_run = settings(max_examples=some, suppress_health_check=list(HealthCheck))
    night = settings(every_run, max_examples=many, derandomize=False, print_blob=True)
    marks = [pytest.mark.slow, pytest.mark.timeout(1800, method="thread")]
    limited = pytest.param(every_run, marks=pytest.mark.timeout(240, method="thread"))
    return pytest.mark.parametrize("amount", [limited, pytest.param(night, marks=marks)], ids=["some", "many"])
