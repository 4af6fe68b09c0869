"""The eight architectures of the reference experiment, a teaching notebook on MNIST.

Each `reference` is the notebook's own answer under its own protocol, from one run a
depth: the deepest k below 20 % error and the next k, which was not. Those of the
BatchNorm networks are limits of a bug in its loop (see protocol `notebook`).
"""

from depthbench.architectures.stack import Stack

_SOURCE = "the reference notebook (MNIST, 3 epochs of SGD)"

NOTEBOOK_STACKS = (
    Stack(
        name="tanh_naive",
        activation="tanh",
        initializer="normal_0.05",
        source=_SOURCE,
        reference=(6, 9),
    ),
    Stack(
        name="tanh_glorot",
        activation="tanh",
        source=_SOURCE,
        reference=(48, 51),
    ),
    Stack(
        name="elu",
        activation="elu",
        source=_SOURCE,
        reference=(39, 42),
    ),
    Stack(
        name="elu_bn",
        activation="elu",
        batch_norm=True,
        source=_SOURCE,
        reference=(63, 66),
    ),
    Stack(
        name="resnet",
        activation="elu",
        batch_norm=True,
        skip=True,
        source=_SOURCE,
        reference=(102, 105),
    ),
    Stack(
        name="tanh_bn_naive",
        activation="tanh",
        batch_norm=True,
        initializer="normal_0.05",
        source=_SOURCE,
        reference=(48, 51),
    ),
    Stack(
        name="resnet_nobn",
        activation="elu",
        skip=True,
        lr=0.005,
        source=_SOURCE,
        reference=(21, 24),
    ),
    # The notebook counts 139 and 142; 139 // 3 = 46 convolutions a stage are 138.
    Stack(
        name="elu_multihead",
        activation="elu",
        multihead=True,
        lr=0.005,
        source=_SOURCE,
        reference=(138, 141),
    ),
)
