"""What `make demo` runs: an embedded PostgreSQL, its source databases and the portal itself."""
