"""The layers and optimizers of deep learning, derived and written by hand.

Every file computes its formulas in plain tensor code: tensors serve as arrays, without
autograd, without `torch.nn`, and without a line of depthbench. So they are a twin that
shares nothing with what they check; tests hold them against numeric gradients, against
torch's own layers and optimizers, and then hold depthbench's kernels against them. They
are written to be read: loops go over the places of a window, no pass is fused, nothing
is cached.

How to read them
- A layer is a pair of functions. `layer(x, ...)` gives the output; for a scalar loss L,
  `layer_backward(grad_out, x, ...)` takes dL/dout and what the layer was called with,
  and gives dL/dx or, of a layer with parameters, a tuple of dL/dx and the parameters'
  gradients in the order of the arguments. What it needs from the forward pass it
  computes again.
- Images are [N, C, H, W], vectors [N, D]. Results have the type of the arguments, which
  is meant to be float64.
- An optimizer is a function from a parameter, its gradient and a state to the next
  parameter and state. No function changes an argument.
- In formulas, n counts images, c and o channels in and out, i and j rows and columns;
  g is grad_out; sums go over every index that is not on the left.

Start with `linear`, the shortest pair; then `convolution` and `batch_norm`, whose
backward is there twice, step by step and simplified. `chain` puts layers together by
the chain rule, `sandwich` makes the usual blocks of them. `numeric` differentiates
anything, and can tell whether a derivation of your own is right. With
`PYTHONPATH=tests`, all of it can be imported and tried.
"""
