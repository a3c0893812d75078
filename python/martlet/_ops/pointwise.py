"""pointwise operations."""
