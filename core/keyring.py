"""The keyring behind every encrypted column and every digest (spec 11).

`ENCRYPTION_KEY` holds one or more base64 keys of 32 bytes, separated by commas: the first
encrypts and signs, all of them decrypt and verify. AES-256-GCM with a random 96-bit nonce; the
associated data binds a ciphertext to its column and row, so that it can't be moved elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from core.errors import TerminalError

ENVELOPE_PREFIX = "lp1"
DIGEST_PREFIX = "hs1"
KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID = re.compile(r"[0-9a-f]{8}")
SEALED_TEXT = rf"^(?:{ENVELOPE_PREFIX}|{DIGEST_PREFIX}):([0-9a-f]{{8}}):"
"""What an envelope and a digest begin with, for PostgreSQL and Python alike: the group is the key's
id."""


class DecryptionError(TerminalError):
    """A stored value can't be decrypted: its key is lost, or it was changed or moved."""

    code = "DECRYPTION_FAILED"
    status = HTTPStatus.CONFLICT


class LostKeyError(DecryptionError):
    """The key that encrypted a value is not in the ring: nobody altered anything."""


@dataclass(frozen=True, repr=False)
class Key:
    """One key of the ring. `key_id` is public: the start of the key's SHA-256."""

    key_id: str
    material: bytes

    @classmethod
    def from_base64(cls, text: str) -> Key:
        """Read one key. Raises ValueError (without the text) if it isn't 32 bytes of base64."""
        try:
            material = base64.b64decode(text.strip().encode(), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("a key must be base64") from None
        if len(material) != KEY_BYTES:
            raise ValueError("a key must be 32 bytes, written in base64")
        return cls(hashlib.sha256(material).hexdigest()[:8], material)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte subkey for one purpose, so that no key serves two ends."""
        return hmac.new(self.material, f"loaderportal/{purpose}".encode(), "sha256").digest()


class Keyring:
    """Encrypts with its first key, decrypts and verifies with any."""

    def __init__(self, keys: list[Key]) -> None:
        if not keys:
            raise ValueError("a keyring needs at least one key")
        self._primary = keys[0]
        self._keys = {key.key_id: key for key in keys}

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `key[,key...]`. Raises ValueError naming neither key."""
        return cls([Key.from_base64(part) for part in text.split(",") if part.strip()])

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids of the keys, the one that encrypts first."""
        return tuple(self._keys)

    @property
    def envelope_start(self) -> str:
        """What every envelope begins with that is encrypted now."""
        return f"{ENVELOPE_PREFIX}:{self._primary.key_id}:"

    @property
    def digest_start(self) -> str:
        """What every digest begins with that is made now."""
        return f"{DIGEST_PREFIX}:{self._primary.key_id}:"

    def encrypt(self, plaintext: str, *, binding: str) -> str:
        """Seal the text for one place; `binding` names column and row."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(self._primary.derive("encryption"))
        sealed = cipher.encrypt(nonce, plaintext.encode(), binding.encode())
        body = base64.urlsafe_b64encode(nonce + sealed).decode()
        return f"{ENVELOPE_PREFIX}:{self._primary.key_id}:{body}"

    def decrypt(self, envelope: str, *, binding: str) -> str:
        """Open a sealed text. Raises LostKeyError if its key is not in the ring, DecryptionError if
        the text or the place is wrong."""
        prefix, _, rest = envelope.partition(":")
        key_id, _, body = rest.partition(":")
        if prefix != ENVELOPE_PREFIX or not _KEY_ID.fullmatch(key_id):
            raise DecryptionError("A stored value is not in the portal's encrypted form.")
        key = self._keys.get(key_id)
        if key is None:
            raise LostKeyError(
                f"A stored value was encrypted with key {key_id}, which is not in ENCRYPTION_KEY. "
                "Add that key behind the first one."
            )
        try:
            raw = base64.b64decode(body.encode(), altchars=b"-_", validate=True)
            cipher = AESGCM(key.derive("encryption"))
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], binding.encode()).decode()
        except (InvalidTag, ValueError):
            raise DecryptionError(
                "A stored value was changed or moved behind the portal's back: it does not "
                "belong to this row and column."
            ) from None

    def digest(self, message: bytes) -> str:
        """HMAC-SHA256 of the message under the first key, with the key's id."""
        return self._digest_with(self._primary, message)

    def verifies(self, message: bytes, digest: str) -> bool:
        """Whether the digest is this message's, under any key of the ring."""
        parts = digest.split(":")
        key = self._keys.get(parts[1]) if len(parts) == 3 else None
        if key is None:
            return False
        # As bytes: a stored digest that was tampered with need not be ASCII.
        return hmac.compare_digest(self._digest_with(key, message).encode(), digest.encode())

    def knows(self, digest: str) -> bool:
        """Whether the key that the digest names is in the ring."""
        parts = digest.split(":")
        return len(parts) == 3 and parts[1] in self._keys

    def _digest_with(self, key: Key, message: bytes) -> str:
        mac = hmac.new(key.derive("digest"), message, "sha256").hexdigest()
        return f"{DIGEST_PREFIX}:{key.key_id}:{mac}"


def key_id_of(sealed: str) -> str | None:
    """The id of the key that made an envelope or a digest; None for what is neither."""
    found = re.match(SEALED_TEXT, sealed)
    return found[1] if found else None


@lru_cache(maxsize=4)
def _parse_cached(text: str) -> Keyring:
    return Keyring.parse(text)


def keyring() -> Keyring:
    """The keyring of this deployment, from `settings.ENCRYPTION_KEY`."""
    return _parse_cached(settings.ENCRYPTION_KEY)
