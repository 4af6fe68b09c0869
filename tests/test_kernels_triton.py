"""The CUDA twin: in Triton's interpreter, through its compiler, and on a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from depthbench.kernels.twins import conv_blocks_of
from depthbench.runtime import DeviceError

HERE = Path(__file__).parent
KERNELS = "convolve_forward norm_gradient normalize signal_gradient sum_partials"


def run_python(*arguments, **variables):
    """In a process of its own: Triton reads its variables when it is imported."""
    pytest.importorskip("triton")
    inherited = {name: os.environ[name] for name in os.environ if "TRITON" not in name}
    return subprocess.run(
        [sys.executable, *arguments],
        env=inherited | variables,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def run_twin(**variables):
    finished = run_python(
        "-m", "pytest", "-p", "no:cacheprovider", HERE / "triton_twin.py", **variables
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_it_agrees_with_the_reference_in_the_interpreter():
    run_twin(TRITON_INTERPRET="1")


@pytest.mark.gpu
def test_it_agrees_with_the_reference_on_a_gpu():
    run_twin()


def test_every_kernel_compiles_for_an_h200(tmp_path):
    cache = {"TRITON_CACHE_DIR": str(tmp_path)}
    finished = run_python("-W", "error", HERE / "triton_compile.py", **cache)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == [*KERNELS.split(), "weight_gradient"]


def test_importing_it_needs_no_device():
    finished = run_python("-W", "error", "-c", "import depthbench.kernels.cuda")
    assert finished.returncode == 0, finished.stderr


def test_without_triton_it_says_so(monkeypatch):
    for name in [*sys.modules]:
        if name.startswith("depthbench.kernels.cuda"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "triton", None)
    with pytest.raises(DeviceError, match="need triton"):
        conv_blocks_of("fused", "cuda")
