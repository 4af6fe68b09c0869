"""Process, device, clock, seeds: the only package that touches the world outside.

Light to import: torch is imported by the functions that need it, and `environment`,
which needs the records, by those who want it.
"""

from depthbench.runtime.clock import (
    cpu_seconds,
    load_average,
    monotonic_seconds,
    utc_now,
)
from depthbench.runtime.device import (
    DeviceError,
    peak_memory_bytes,
    reset_peak_memory,
    resolve_device,
    synchronize,
)
from depthbench.runtime.installed import is_users_code, is_users_file
from depthbench.runtime.process import (
    ProcessUnusableError,
    configure_process,
    num_cores,
    open_standard_streams,
    quiet_libraries,
)
from depthbench.runtime.seeds import generator, seed_for, seeded_global_generators
from depthbench.runtime.signals import end_by_signal, noted_signals
from depthbench.runtime.variables import (
    DATA_VARIABLE,
    PLUGIN_VARIABLE,
    child_environment,
    data_dir,
    default_data_dir,
    is_completing,
    other_hashes,
    plugin_paths,
)

__all__ = [
    "DATA_VARIABLE",
    "PLUGIN_VARIABLE",
    "DeviceError",
    "ProcessUnusableError",
    "child_environment",
    "configure_process",
    "cpu_seconds",
    "data_dir",
    "default_data_dir",
    "end_by_signal",
    "generator",
    "is_completing",
    "is_users_code",
    "is_users_file",
    "load_average",
    "monotonic_seconds",
    "noted_signals",
    "num_cores",
    "open_standard_streams",
    "other_hashes",
    "peak_memory_bytes",
    "plugin_paths",
    "quiet_libraries",
    "reset_peak_memory",
    "resolve_device",
    "seed_for",
    "seeded_global_generators",
    "synchronize",
    "utc_now",
]
