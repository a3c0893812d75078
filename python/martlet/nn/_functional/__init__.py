"""Functions of martlet.nn.functional that are composed of tensor operations."""
