"""REST endpoints of sources, loaders and SQL validation (spec 10)."""
