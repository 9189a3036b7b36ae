"""The target store: signals, their segments, partitions, writer and query."""
