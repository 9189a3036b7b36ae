"""The first page after sign-in, by role. Every number leads to the list of just what it counts, and
nobody is told of what they may not see."""

from loaderportal.home.page import dashboard

__all__ = ["dashboard"]
