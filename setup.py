"""Builds the fused CPU kernels; everything else is in pyproject.toml.

One library holds the kernels of every instruction set and chooses among them when it is
loaded, so a build runs on any machine of its architecture. Where no C++17 compiler
works, the package is installed without them.
"""

import hashlib
import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("depthbench/kernels/native")
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fvisibility=hidden",
    # A multiply-add is rounded once, as the vector instruction does it.
    "-ffp-contract=fast",
    "-fno-math-errno",
    # Vectors wider than the baseline's are passed between inlined functions only.
    "-Wno-psabi",
]
AVX2 = ["-mavx2", "-mfma"]
INSTRUCTION_SETS = {
    "avx2.cpp": AVX2,
    "avx512.cpp": [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
}


def sources_sha256() -> str:
    """Of the kernels' source files by name; `kernels.compiled` compares it."""
    digest = hashlib.sha256()
    for path in sorted([*NATIVE.glob("*.cpp"), *NATIVE.glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def flags_of(source: Path) -> list[str]:
    """Compiler flags of one source file."""
    flags = [*FLAGS, f'-DDEPTHBENCH_SOURCES="{sources_sha256()}"']
    extra = INSTRUCTION_SETS.get(source.name, [])
    if sys.platform == "darwin":  # may build for two architectures at once
        return [*flags, *(part for flag in extra for part in ("-Xarch_x86_64", flag))]
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return [*flags, *extra] if is_x86 else flags


class BuildKernels(build_ext):
    """Compiles each source file with flags of its own."""

    def build_extension(self, ext: Extension) -> None:
        """Compile and link the library."""
        objects = [
            built
            for source in ext.sources
            for built in self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                extra_postargs=flags_of(Path(source)),
                depends=ext.depends,
            )
        ]
        self.compiler.link_shared_object(
            objects, self.get_ext_fullpath(ext.name), target_lang="c++"
        )


setup(
    ext_modules=[
        Extension(
            "depthbench.kernels._native",
            sources=[str(path) for path in sorted(NATIVE.glob("*.cpp"))],
            depends=[str(path) for path in sorted(NATIVE.glob("*.h"))],
            optional=True,
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": BuildKernels},
    # The library is plain C, loaded without Python's own interface.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
