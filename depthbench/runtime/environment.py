"""What a record says of where it was made."""

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from depthbench.record import Environment


def capture_environment(device: str) -> Environment:
    """Versions, device and switches of this process, for a record."""
    import torch

    return Environment(
        depthbench=importlib.metadata.version("depthbench"),
        python=platform.python_version(),
        # Not the subclass of torch's own, for whose sake a reader would import torch.
        torch=str(torch.__version__),
        numpy=importlib.metadata.version("numpy"),
        platform=platform.platform(),
        device_name=(
            torch.cuda.get_device_name() if device == "cuda" else _processor_name()
        ),
        num_threads=torch.get_num_threads(),
        tf32=(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32),
        git_commit=_git_commit(),
    )


@functools.cache
def _processor_name() -> str:
    """Its name with family and model: clouds call several generations by one name."""
    info = Path("/proc/cpuinfo")
    pairs = (
        (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        if info.exists()
        else ()
    )
    said = {key.strip(): value.strip() for key, value in pairs}
    name = said.get("model name") or platform.processor() or platform.machine()
    numbers = [
        f"{key.split()[-1]} {said[key]}"
        for key in ("cpu family", "model")
        if key in said
    ]
    return f"{name} ({', '.join(numbers)})" if numbers else name


@functools.cache
def _git_commit() -> str | None:
    """Commit of the checkout this package lies in, "-dirty" if changed, else None."""
    folder = Path(__file__).parents[1]
    if not (folder.parent / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
