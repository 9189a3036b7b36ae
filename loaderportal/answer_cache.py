"""Where answers to signals queries are kept: the settings of that cache (spec 8)."""

from __future__ import annotations

from typing import Any

_CONNECT_SECONDS, _ANSWER_SECONDS = 0.3, 1.0
"""A Redis that does not answer must not keep anybody waiting: it is only a cache."""


def answer_cache(redis_url: str) -> dict[str, Any]:
    """The entry of CACHES; without a Redis, the portal's database."""
    if not redis_url:
        return {"BACKEND": "signals.answer_store.DatabaseAnswers", "LOCATION": ""}
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": "loaderportal:signals",
        "OPTIONS": {
            "serializer": "signals.answer_store.PlainBytes",
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": _ANSWER_SECONDS,
        },
    }
