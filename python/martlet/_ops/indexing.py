"""indexing operations."""
