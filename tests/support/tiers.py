"""Tiers of tests: @pytest.mark.slow is not in `make check`, @pytest.mark.exhaustive in `make test-rest` alone.

@pytest.mark.soak is in `make test-soak` alone.
"""

from collections.abc import Iterable
from typing import Any

import pytest


def matrix(values: Iterable[Any]) -> list[Any]:
    """Mark values of a parametrization exhaustive, all but the first and the middle one."""
    values = list(values)
    sample = {0, len(values) // 2}
    return [
        value if index in sample else pytest.param(value, marks=pytest.mark.exhaustive)
        for index, value in enumerate(values)
    ]
