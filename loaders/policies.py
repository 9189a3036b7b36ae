"""What a loader's owner chooses: where its signals come from, what moves its watermark, and what
may be replaced."""

from __future__ import annotations

from django.db import models


class LoaderKind(models.TextChoices):
    """Where a loader's signals come from (spec 2)."""

    SQL = "SQL", "SQL, run by the portal"
    EXTERNAL = "EXTERNAL", "Posted by another system"


class WatermarkPolicy(models.TextChoices):
    """Where a live run leaves the watermark (spec 5 "Watermark")."""

    MAX_TIMESTAMP = "MAX_TIMESTAMP", "Greatest timestamp loaded"
    WINDOW_END = "WINDOW_END", "End of the window"


REPLACE_KEYS = ("REPLACE_KEYS", "Replace the same keys")
"""What signals that are posted do: those of the same time and segments are replaced, and all others
stay. No loader's choice, so it is not among the strategies."""


class PurgeStrategy(models.TextChoices):
    """What a run does where rows of the loader already stand in its window (spec 6 "Purge")."""

    FAIL_ON_DUPLICATE = "FAIL_ON_DUPLICATE", "Fail, change nothing"
    PURGE_AND_RELOAD = "PURGE_AND_RELOAD", "Replace the window"
    SKIP_DUPLICATES = "SKIP_DUPLICATES", "Keep what stands there"
