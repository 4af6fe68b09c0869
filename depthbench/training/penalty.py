"""Which weights an L2 penalty is on."""

from torch import nn
from torch.nn.modules.conv import _ConvNd


def penalized_weights(net: nn.Module) -> list[nn.Parameter]:
    """The trained weights of convolutions and linear layers, each once; no biases.

    A network without such modules, as one that is a function over tensors, has its
    weights in its parameters of at least two dimensions.

    Raises:
        ValueError: If there is none, so that a penalty would be without effect.
    """
    weights = {
        id(weight): weight
        for module in net.modules()
        if isinstance(module, _ConvNd | nn.Linear)
        and isinstance(weight := module.weight, nn.Parameter)
        and weight.requires_grad
    }
    weights = weights or {
        id(weight): weight
        for weight in net.parameters()
        if weight.dim() >= 2 and weight.requires_grad
    }
    if not weights:
        raise ValueError(
            "l2: the network has no nn.Conv or nn.Linear and no other parameter of two "
            "dimensions or more that is trained; leave l2 out"
        )
    return list(weights.values())
