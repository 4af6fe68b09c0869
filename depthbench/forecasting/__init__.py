"""How deep a network will train, said before it is trained, and by what it is limited.

The unit is the nat: D(L), the logarithm of the squared norm of the loss's gradient at
the first block's output over that at the last block's. D below 0 says that the gradient
vanishes on its way to the image, D above 0 that it explodes.
"""
