"""How deep can this network architecture be and still train?

    import depthbench as db

    result = db.measure("elu_bn", data="mnist", search="posterior")
    result.k50, result.depths, result.trials
    result.plot("success")

`measure` does what the command `depthbench run` does, `load` reads a results folder and
`compare` tells two of them apart. A network of one's own is a `Stack` or a
`DeepConvNet`, or a function under `@architecture` that builds an `nn.Module`;
`functional_net` makes a module of a function over a list of tensors. What goes wrong
is an exception: `UsageError`, or one that the functions name.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depthbench.architectures.deep_convnet import DeepConvNet
    from depthbench.architectures.definition import Architecture, architecture
    from depthbench.architectures.functional import functional_net
    from depthbench.architectures.stack import Stack
    from depthbench.spec import StudySpec, UsageError
    from depthbench.study.compare import Comparisons, compare
    from depthbench.study.forecasts import forecast
    from depthbench.study.result import Result, load
    from depthbench.study.run import measure

__all__ = [
    "Architecture",
    "Comparisons",
    "DeepConvNet",
    "Result",
    "Stack",
    "StudySpec",
    "UsageError",
    "architecture",
    "compare",
    "forecast",
    "functional_net",
    "load",
    "measure",
]

# Imported when first asked for: every command imports this module.
_MODULES = {
    "Architecture": "architectures.definition",
    "Comparisons": "study.compare",
    "DeepConvNet": "architectures.deep_convnet",
    "Result": "study.result",
    "Stack": "architectures.stack",
    "StudySpec": "spec",
    "UsageError": "spec",
    "architecture": "architectures.definition",
    "compare": "study.compare",
    "forecast": "study.forecasts",
    "functional_net": "architectures.functional",
    "load": "study.result",
    "measure": "study.run",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'depthbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"depthbench.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
