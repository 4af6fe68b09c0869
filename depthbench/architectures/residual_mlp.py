"""The residual perceptron that reinforcement learning takes to 1,000 layers.

k is the number of dense layers in blocks; one more leads to them and one to the logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture, Description
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualMlp(Description):
    """Dense, LayerNorm, swish; then blocks of four such layers plus identity; dense.

    Neither a norm nor a factor behind the sums. `initializer` is the rule of all
    weights; biases start at 0.

    Source: Wang et al., "1000 layer networks for self-supervised RL: scaling depth can
    enable new goal-reaching capabilities", 2025; ours are width 64 and a classifier.
    """

    initializer: str = "default"
    lr: float = 0.05
    width: int = 64

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of k = `depth`, its weights drawn from `generator`."""
        from depthbench.architectures.layers.initializers import draw_weights
        from depthbench.architectures.layers.residual_mlp import residual_mlp

        net = residual_mlp(
            depth // 4, self.width, image_shape=image_shape, num_classes=num_classes
        )
        draw_weights(net, self.initializer, generator)
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.detach().zero_()
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=4, step=4),
            summary=f"4 x (linear {self.width}, LN, swish), + x; "
            f"init {self.initializer}",
            source=self.source,
            has_train_mode=False,
            num_weight_layers=_with_first_and_last,
            description=self,
        )


def _with_first_and_last(depth: int) -> int:
    return depth + 2


RESIDUAL_MLPS = (
    ResidualMlp(
        name="residual_mlp",
        source='Wang et al., "1000 layer networks for self-supervised RL", 2025',
    ),
)
