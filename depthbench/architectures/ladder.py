"""Stacks that the literature says train deep, each one step from the reference nets.

Three stages of 4, 8 and 16 channels, biases that start at 0, one learning rate: what
differs is what a paper is about. The papers' own networks are wider and on other data.
Where a paper leaves a choice, it is ours: ELU where it needs an activation, `fan_out`
where the weights' scale does not matter.
"""

from depthbench.architectures.stack import Stack

LADDER_STACKS = (
    Stack(
        name="relu_he",
        activation="relu",
        initializer="kaiming",
        source='He et al., "Delving deep into rectifiers", 2015',
    ),
    Stack(
        name="selu_lecun",
        activation="selu",
        initializer="fan_in",
        source='Klambauer et al., "Self-normalizing neural networks", 2017',
    ),
    Stack(
        name="gelu_bn",
        activation="gelu",
        batch_norm=True,
        source='Hendrycks and Gimpel, "Gaussian error linear units", 2016',
    ),
    Stack(
        name="elu_gn",
        activation="elu",
        group_norm=4,
        source='Wu and He, "Group normalization", 2018; 4 groups',
    ),
    Stack(
        name="elu_ln",
        activation="elu",
        group_norm=1,
        source='Ba, Kiros and Hinton, "Layer normalization", 2016; over channels and '
        "pixels of an image",
    ),
    Stack(
        name="elu_ws",
        activation="elu",
        standardized=True,
        source='Brock et al., "Characterizing signal propagation to close the '
        'performance gap in unnormalized ResNets", 2021',
    ),
    Stack(
        name="tanh_orthogonal",
        activation="tanh",
        initializer="orthogonal",
        source='Saxe et al., "Exact solutions to the nonlinear dynamics of learning in '
        'deep linear neural networks", 2014',
    ),
    Stack(
        name="tanh_delta_orthogonal",
        activation="tanh",
        initializer="delta_orthogonal",
        circular=True,
        source='Xiao et al., "Dynamical isometry and a mean field theory of CNNs", '
        "2018; weight variance 1, bias variance 0",
    ),
    Stack(
        name="tanh_bn_gamma01",
        activation="tanh",
        batch_norm=True,
        gamma=0.1,
        source='Yang et al., "A mean field theory of batch normalization", 2019: a '
        "smaller gamma slows the explosion of gradients",
    ),
    Stack(
        name="elu_lsuv",
        activation="elu",
        initializer="orthogonal",
        unit_variance=True,
        source='Mishkin and Matas, "All you need is a good init", 2016',
    ),
    Stack(
        name="lrelu_tat",
        activation="leaky_relu",
        initializer="delta_orthogonal",
        source='Zhang, Botev and Martens, "Deep learning without shortcuts", 2022',
    ),
    Stack(
        name="highway",
        activation="elu",
        gated=True,
        source='Srivastava, Greff and Schmidhuber, "Highway networks", 2015; gate '
        "biases start at -2",
    ),
    Stack(
        name="resnet_sqrt",
        activation="elu",
        skip=True,
        branch="sqrt",
        source='Marion et al., "Scaling ResNets in the large-depth regime", 2025',
    ),
    Stack(
        name="resnet_skipinit",
        activation="elu",
        skip=True,
        branch="learned",
        source='De and Smith, "Batch normalization biases residual blocks towards the '
        'identity function", 2020 (SkipInit); Bachlechner et al., "ReZero is all you '
        'need", 2021, is the same network here',
    ),
    # Controls: what fails at the bottom.
    Stack(
        name="tanh_tiny",
        activation="tanh",
        initializer="normal_0.001",
        source="negative control: the signal shrinks to nothing within a few layers",
    ),
)
