"""Identifiers of RFC 9562: UUIDv7 for public ids, UUIDv8 for ids derived from content."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits; ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80
    return _marked(value | int.from_bytes(os.urandom(10), "big"), version=7)


def uuid8(content: bytes) -> uuid.UUID:
    """The UUIDv8 that holds 122 bits of these 16 bytes."""
    return _marked(int.from_bytes(content, "big"), version=8)


def _marked(value: int, version: int) -> uuid.UUID:
    """The 128 bits with version and variant in their places."""
    value = (value & ~(0xF << 76)) | (version << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)
