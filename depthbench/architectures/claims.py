"""What the literature says of architectures here: how deep, and under which conditions.

The papers' networks are wider, and trained longer on other data, so that a claim is no
forecast; it is what a measurement is shown beside.
"""

from collections.abc import Mapping

from depthbench.spec import Claim

CLAIMS: Mapping[str, Claim] = {
    "relu_he": Claim(30, "trains where Glorot's weights stall; ImageNet"),
    "elu_ws": Claim(288, "residual networks without BatchNorm, ImageNet"),
    "tanh_delta_orthogonal": Claim(10_000, "MNIST and CIFAR-10"),
    "lrelu_tat": Claim(101, "at the speed of a ResNet; ImageNet"),
    "highway": Claim(900, "CIFAR-10; 100 on MNIST, best of many settings"),
    "resnet": Claim(1_202, "blocks of two with ReLU, CIFAR-10"),
    "resnet_skipinit": Claim(1_000, "CIFAR-10, without normalisation"),
    "resnet_fixup": Claim(10_000, "as stable as with normalisation"),
    "vit_deepnorm": Claim(1_000, "translation; of encoder and decoder together"),
    "vit_keel": Claim(1_000, "language models, more than this"),
    "vit_rezero": Claim(120, "language models, blocks"),
    "residual_mlp": Claim(1_024, "contrastive reinforcement learning"),
}
