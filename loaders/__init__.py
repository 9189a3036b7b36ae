"""Source databases, loaders, their versions and approval, and the SQL guard."""
