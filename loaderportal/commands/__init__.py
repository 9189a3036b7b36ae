"""Acts of `manage.py loader`: each calls one service."""
