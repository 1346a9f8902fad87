"""C2SP signed notes and checkpoints: published vectors and forgeries."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.evidence.checkpoint import Checkpoint, parse_and_verify, sign
from shared.kernel.evidence.encoding import from_base64, from_decimal, from_hex, to_base64
from shared.kernel.evidence.note import MalformedNote, UnverifiedNote, VerifierKey, open_note, sign_note
from tests.unit.evidence import vectors

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ORIGIN = "zhengming/intake"
VERIFIER = VerifierKey.of(ORIGIN, KEY)
CHECKPOINT = Checkpoint(ORIGIN, 20852163, b"\x0a" * 32)
GO_VERIFIER = VerifierKey.parse(vectors.GO_VERIFIER_KEY)
DASH = "\N{EM DASH}"


# --- Published vectors ---


def test_the_reference_note_opens() -> None:
    """The note of Go's reference implementation verifies with its published key."""
    assert open_note(vectors.GO_NOTE, [GO_VERIFIER]) == (vectors.GO_TEXT, [GO_VERIFIER])


def test_the_reference_note_is_made_byte_for_byte() -> None:
    """Signing the reference text with the reference key gives the reference note and verifier key."""
    private_key = Ed25519PrivateKey.from_private_bytes(vectors.GO_SEED)
    assert sign_note(vectors.GO_TEXT, vectors.GO_NAME, private_key) == vectors.GO_NOTE
    assert str(VerifierKey.of(vectors.GO_NAME, private_key)) == vectors.GO_VERIFIER_KEY


def test_mangled_verifier_keys_are_refused() -> None:
    """Every part of a verifier key alone, and every changed character, is refused, as in the reference."""
    key = vectors.GO_VERIFIER_KEY
    mangled = [key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1) if j - i < len(key)]
    mangled += [key[:i] + chr(ord(key[i]) + 1) + key[i + 1 :] for i in range(len(key))]
    for text in [*mangled, *vectors.GO_BAD_KEYS, "", key.upper(), f"{key}\n"]:
        with pytest.raises(ValueError, match=r"."):
            VerifierKey.parse(text)


def test_the_example_checkpoint_of_the_specification() -> None:
    """The specification's example is read; without its key, which is not published, it is not believed."""
    body, _, _ = vectors.C2SP_CHECKPOINT.rpartition("\n\n")
    checkpoint = Checkpoint.parse(f"{body}\n")
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.body == f"{body}\n"
    with pytest.raises(UnverifiedNote, match="no signature by a trusted key"):
        parse_and_verify(vectors.C2SP_CHECKPOINT, VERIFIER)


# --- Our own ---


def test_a_checkpoint_comes_back() -> None:
    """A signed checkpoint is read back with the key named after its origin."""
    note = sign(CHECKPOINT, KEY)
    assert note.startswith(
        f"zhengming/intake\n20852163\n{to_base64(CHECKPOINT.root)}\n\n{DASH} zhengming/intake "
    )
    assert parse_and_verify(note, VERIFIER) == CHECKPOINT
    assert parse_and_verify(note, GO_VERIFIER, VERIFIER) == CHECKPOINT


def test_a_cosigned_checkpoint_is_accepted() -> None:
    """Signatures of keys we do not know, such as witnesses', are ignored."""
    witness = f"{DASH} witness.example {to_base64(b'id..' + bytes(72))}\n"
    assert parse_and_verify(sign(CHECKPOINT, KEY) + witness, VERIFIER) == CHECKPOINT


def test_extension_lines_are_signed_and_ignored() -> None:
    """A checkpoint may have further lines, which must not be empty."""
    assert parse_and_verify(sign_note(f"{CHECKPOINT.body}more\n", ORIGIN, KEY), VERIFIER) == CHECKPOINT
    with pytest.raises(MalformedNote):
        parse_and_verify(sign_note(f"{CHECKPOINT.body}\nmore\n", ORIGIN, KEY), VERIFIER)


def test_the_key_of_one_log_does_not_speak_for_another() -> None:
    """A trusted key signing under its own name for another origin is not believed."""
    with pytest.raises(UnverifiedNote, match="another log"):
        parse_and_verify(
            sign_note(CHECKPOINT.body, "zhengming/audit", KEY), VerifierKey.of("zhengming/audit", KEY)
        )


def test_one_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    """A good signature does not excuse a bad one by a key we know."""
    other = Checkpoint(ORIGIN, 1, bytes(32))
    bad_line = sign(other, KEY).rpartition("\n\n")[2]
    with pytest.raises(UnverifiedNote, match="not over this text"):
        parse_and_verify(sign(CHECKPOINT, KEY) + bad_line, VERIFIER)


@given(st.data())
def test_no_character_of_a_checkpoint_can_change(data: st.DataObject) -> None:
    """Replace, drop or insert any one character of a signed checkpoint, and it is refused."""
    note = sign(CHECKPOINT, KEY)
    at = data.draw(st.integers(0, len(note) - 1))
    put = data.draw(st.characters() | st.just(""))
    over = data.draw(st.booleans())
    forged = note[:at] + put + note[at + over :]
    if forged != note:
        with pytest.raises((MalformedNote, UnverifiedNote)):
            parse_and_verify(forged, VERIFIER)


@given(st.text() | st.text(alphabet=f"a \n{DASH}+=0"))
def test_no_text_crashes_the_reader(text: str) -> None:
    """The answer is one of the two refusals, whatever is given as a note."""
    with pytest.raises((MalformedNote, UnverifiedNote)):
        parse_and_verify(text, VERIFIER)


@pytest.mark.parametrize(
    "body",
    [
        "\n",
        "a\n1\n",
        "a\n01\n" + to_base64(bytes(32)) + "\n",
        "a\n-1\n" + to_base64(bytes(32)) + "\n",
        "a\n1\n" + to_base64(bytes(31)) + "\n",
        "a\n1\nAB==\n",
        "a\n" + "9" * 19 + "\n" + to_base64(bytes(32)) + "\n",
        "a\n1\n" + to_base64(bytes(32)),
    ],
)
def test_malformed_checkpoints_are_refused(body: str) -> None:
    """Missing lines, odd numbers and odd roots are refused."""
    with pytest.raises(MalformedNote):
        Checkpoint.parse(body)


@pytest.mark.parametrize("text", ["", "no newline", "bell\a\n", "lone \ud800\n", "carriage\r\n"])
def test_what_is_no_note_text_is_not_signed(text: str) -> None:
    """Only UTF-8 that ends in a newline and has no other control character is signed."""
    with pytest.raises(ValueError, match="text"):
        sign_note(text, ORIGIN, KEY)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "\ud800"])
def test_what_is_no_key_name_names_no_key(name: str) -> None:
    """Key names have no space, plus or control character, and are not empty."""
    with pytest.raises(ValueError, match="key name"):
        VerifierKey(name, bytes(32))


def test_too_many_signatures_are_refused() -> None:
    """A note with more than a hundred signatures is refused before any is checked."""
    note = sign(CHECKPOINT, KEY)
    line = note.rpartition("\n\n")[2]
    assert parse_and_verify(note + line * 99, VERIFIER) == CHECKPOINT
    with pytest.raises(MalformedNote, match="100"):
        parse_and_verify(note + line * 100, VERIFIER)


# --- One spelling per value ---


@given(st.binary(max_size=40), st.integers(0, 2**63 - 1))
def test_encodings_come_back(data: bytes, number: int) -> None:
    """A written value is read back the same."""
    assert from_base64(to_base64(data)) == data
    assert from_hex(data.hex()) == data
    assert from_decimal(str(number)) == number


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (from_base64, "AB=="),
        (from_base64, "AA"),
        (from_base64, "AA==\n"),
        (from_base64, "__8="),
        (from_base64, "é"),
        (from_hex, "AB"),
        (from_hex, "a b0"),
        (from_hex, "abc"),
        (from_hex, "é"),
        (from_decimal, ""),
        (from_decimal, "007"),
        (from_decimal, "+1"),
        (from_decimal, "1_0"),
        (from_decimal, "٣"),
        (from_decimal, str(2**63)),
        (from_decimal, "9" * 5000),
    ],
)
def test_a_second_spelling_is_refused(read: Callable[[str], object], text: str) -> None:
    """There is one spelling for each value, so a document cannot be altered even in form."""
    with pytest.raises(ValueError, match=r"."):
        read(text)
