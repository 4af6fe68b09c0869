"""What every test runs under."""

import pytest
import torch

from depthbench import runtime


def pytest_configure(config: pytest.Config) -> None:
    """One thread, as in a worker: small networks only lose time to more."""
    del config
    runtime.configure_process(num_threads=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
