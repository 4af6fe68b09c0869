"""A small network and data that a training takes milliseconds on."""

from dataclasses import replace

from torch import nn
from toy import toy_data

from depthbench import runtime
from depthbench.plugins import load_architectures
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, train
from depthbench.training.batches import DataPass
from depthbench.training.testing import run_eagerly, tested
from depthbench.trial.network import bare_network

REGISTRY = load_architectures()


SPEC = TrialSpec(
    architecture="elu", depth=3, data="toy", seed=0, lr=0.05, batch_size=16, epochs=2
)


RESIDENT = ResidentData.on("cpu", toy_data())


def network(name="elu", depth=3, seed=0):
    return bare_network(
        REGISTRY[name],
        depth,
        image_shape=(1, 8, 8),
        num_classes=10,
        entropy=(seed,),
    )


def run(net, spec=SPEC, data=RESIDENT):
    return train(net, data, spec, runtime.generator(spec.seed, "order"))


def numbers(training):
    return [replace(epoch, seconds=0.0) for epoch in training.epochs]


class Watched(nn.Module):
    """Logits whose gradient and loss a test can compute on its own."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images):
        return self.linear(images.flatten(1))


def without_times(training):
    """As a text, in which NaN equals NaN."""
    epochs = tuple(replace(epoch, seconds=0.0) for epoch in training.epochs)
    return repr(replace(training, epochs=epochs))


def evaluate(net, data, batch_size):
    """Mean loss and error of each head on the test set, in evaluation mode."""
    net.eval()
    return tested(DataPass(net, data, data.test, batch_size), "eval", run_eagerly)
