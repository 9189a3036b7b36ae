"""The keyring: what opens, what doesn't, and what it says then."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.keyring import DecryptionError, Key, Keyring, LostKeyError

FIRST = base64.b64encode(b"a" * 32).decode()
SECOND = base64.urlsafe_b64encode(bytes(range(224, 256))).decode()


@given(st.text(), st.text(max_size=40))
def test_what_was_encrypted_opens_in_its_place(plaintext: str, binding: str) -> None:
    ring = Keyring.parse(FIRST)
    envelope = ring.encrypt(plaintext, binding=binding)
    assert ring.decrypt(envelope, binding=binding) == plaintext
    assert envelope != ring.encrypt(plaintext, binding=binding)


def test_an_envelope_names_its_key_and_hides_the_text() -> None:
    envelope = Keyring.parse(FIRST).encrypt("the secret", binding="a:1")
    assert envelope.startswith(f"lp1:{Key.from_base64(FIRST).key_id}:")
    assert "secret" not in envelope


def test_a_new_first_key_still_opens_what_the_old_one_sealed() -> None:
    old = Keyring.parse(FIRST).encrypt("x", binding="a:1")
    both = Keyring.parse(f"{SECOND},{FIRST}")
    assert both.decrypt(old, binding="a:1") == "x"
    assert both.encrypt("x", binding="a:1").split(":")[1] == Key.from_base64(SECOND).key_id


def test_a_lost_key_is_named_and_nothing_is_returned() -> None:
    envelope = Keyring.parse(FIRST).encrypt("x", binding="a:1")
    with pytest.raises(LostKeyError, match=Key.from_base64(FIRST).key_id):
        Keyring.parse(SECOND).decrypt(envelope, binding="a:1")


@pytest.mark.parametrize("key_id", ["", "the text", "ABCDEF01", "0123456789"])
def test_what_is_no_key_id_is_damage_and_is_not_repeated(key_id: str) -> None:
    with pytest.raises(DecryptionError, match="not in the portal's encrypted form") as caught:
        Keyring.parse(FIRST).decrypt(f"lp1:{key_id}:AAAA", binding="a:1")
    assert not isinstance(caught.value, LostKeyError)


@pytest.mark.parametrize("binding", ["a:2", "b:1", ""])
def test_a_ciphertext_moved_to_another_row_or_column_does_not_open(binding: str) -> None:
    ring = Keyring.parse(FIRST)
    with pytest.raises(DecryptionError, match="changed or moved"):
        ring.decrypt(ring.encrypt("x", binding="a:1"), binding=binding)


@given(st.integers(min_value=0, max_value=10_000))
def test_one_changed_character_is_noticed(position: int) -> None:
    ring = Keyring.parse(FIRST)
    prefix, _, body = ring.encrypt("a secret of some length", binding="a:1").rpartition(":")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[position % len(raw)] ^= 1
    changed = f"{prefix}:{base64.urlsafe_b64encode(raw).decode()}"
    with pytest.raises(DecryptionError):
        ring.decrypt(changed, binding="a:1")


@pytest.mark.parametrize("text", ["plain text", "", "lp1:", "lp1:00000000:!!", "gAAAAABfernet"])
def test_what_is_no_envelope_is_an_error_never_a_value(text: str) -> None:
    with pytest.raises(DecryptionError):
        Keyring.parse(FIRST).decrypt(text, binding="a:1")


@pytest.mark.parametrize("text", ["short", base64.b64encode(b"a" * 16).decode(), "", ",", "ключ"])
def test_a_malformed_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        Keyring.parse(text)
    assert not text.strip(",") or text not in str(caught.value)


def test_a_digest_verifies_under_any_key_and_for_its_message_only() -> None:
    digest = Keyring.parse(FIRST).digest(b"message")
    both = Keyring.parse(f"{SECOND},{FIRST}")
    assert both.verifies(b"message", digest)
    assert not both.verifies(b"massage", digest)
    assert not Keyring.parse(SECOND).verifies(b"message", digest)
    assert not both.verifies(b"message", "hs1:nonsense")
