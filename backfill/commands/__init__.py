"""Acts of `manage.py backfill`: each calls one service."""
