"""The compiled kernels under the sanitizers, and the build."""

import shutil
import subprocess
from pathlib import Path

import pytest
from places import ROOT

NATIVE = ROOT / "depthbench/kernels/native"
# As in setup.py, on a processor that can run it.
EXTRA = {"avx2": ["-mavx2", "-mfma"]}
EXTRA["avx512"] = [
    *EXTRA["avx2"],
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_no_kernel_touches_memory_that_is_not_its_own(tmp_path: Path) -> None:
    compile_ = ["g++", "-std=c++17", "-O1", "-g", "-Wno-psabi", f"-I{NATIVE}"]
    compile_ += ['-DDEPTHBENCH_SOURCES=""']
    is_x86 = "x86" in subprocess.check_output(["g++", "-dumpmachine"], text=True)
    objects = []
    for source in [*NATIVE.glob("*.cpp"), ROOT / "tests/native/sanitize.cpp"]:
        extra = EXTRA.get(source.stem, []) if is_x86 else []
        objects.append(tmp_path / f"{source.stem}.o")
        subprocess.check_call(
            [*compile_, *SANITIZERS, *extra, "-c", source, "-o", objects[-1]]
        )
    program = tmp_path / "sanitize"
    subprocess.check_call(["g++", *SANITIZERS, *objects, "-o", program])
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[0]) >= 480, done.stdout
