"""The algorithms of both suites give what their standards print, and sealed records hold together."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.suites import INTERNATIONAL, SM, SM4GCM, SUITES, Digest, Suite, seal, suite_named, unseal

suites = st.sampled_from(SUITES)
KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")


def test_sm4_gcm_of_rfc_8998() -> None:
    """RFC 8998, appendix A.1."""
    nonce = bytes.fromhex("00001234567800000000abcd")
    bound = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plaintext = b"".join(bytes((byte,)) * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
    ciphertext = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    tag = bytes.fromhex("83de3541e4c2b58177e065a9bf7b62ec")
    aead = SM4GCM(KEY)
    assert aead.encrypt(nonce, plaintext, bound) == ciphertext + tag
    assert aead.decrypt(nonce, ciphertext + tag, bound) == plaintext


def test_an_sm4_block_of_gb_t_32907() -> None:
    """GB/T 32907-2016, example 1: the key encrypts itself."""
    encryptor = Cipher(algorithms.SM4(KEY), modes.ECB()).encryptor()
    assert encryptor.update(KEY) == bytes.fromhex("681edf34d206965e86b3e94f536e4246")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_of_gb_t_32905(message: bytes, expected: str) -> None:
    """GB/T 32905-2016, the two examples."""
    assert Digest.SM3.of(message).hex() == expected
    assert Digest.SHA_256.of(message) == sha256(message).digest()


def test_suites_are_found_by_name() -> None:
    assert suite_named("international") is INTERNATIONAL
    assert suite_named("sm") is SM
    with pytest.raises(ValueError, match="international, sm"):
        suite_named("aes")


@given(suites, st.binary(max_size=100), st.binary(max_size=20))
def test_a_record_opens_under_its_own_key_and_context(suite: Suite, plaintext: bytes, bound: bytes) -> None:
    """The suite is told by the record; another key, or context, or suite does not open it."""
    key = suite.new_key()
    sealed = seal(suite, key, plaintext, bound)
    assert unseal(key, sealed, bound) == plaintext
    other = next(each for each in SUITES if each is not suite)
    for wrong in (
        (suite.new_key(), sealed, bound),
        (key, sealed, bound + b"x"),
        (key, bytes((other.number,)) + sealed[1:], bound),
        (other.new_key(), bytes((other.number,)) + sealed[1:], bound),
    ):
        with pytest.raises(InvalidTag):
            unseal(*wrong)


@given(suites, st.binary(max_size=40), st.data())
def test_an_altered_record_does_not_open(suite: Suite, plaintext: bytes, data: st.DataObject) -> None:
    """Any bit flipped, cut short anywhere, or made longer."""
    key = suite.new_key()
    sealed = seal(suite, key, plaintext, b"place")
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for altered in (bytes(flipped), sealed[:at], sealed + b"\0"):
        with pytest.raises(InvalidTag):
            unseal(key, altered, b"place")
