"""A block with a way around it."""

from torch import Tensor, nn


class Residual(nn.Module):
    """body(x) + shortcut(x); the shortcut is x itself unless it is given.

    Source: He et al., "Deep residual learning for image recognition", 2016,
    equations 1 and 2.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Both ways must give the same shape."""
        total: Tensor = self.body(x) + self.shortcut(x)
        return total
