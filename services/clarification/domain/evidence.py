"""The evidence of each form: what proves that it was carried out (R6, R47)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.casework.command import Colleague, Day, FreeText, Instant, Sha256, ShortText
from shared.language.contracts.common import Scope
from shared.language.event import Value
from shared.language.law.working_days import local_date


class Letter(Value):
    """One letter, from its sending to its receipt."""

    document_hash: Sha256
    """SHA-256 in hex of the letter."""
    sent_on: Day
    """The day on which it left."""
    received_on: Day
    """The day on which it was received; not before it was sent."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.received_on < self.sent_on:
            raise ValueError("received before it was sent")
        return self


class WrittenEvidence(Value):
    """The letters to the subject and to the principal head of the unit's party committee or group."""

    form: Literal["WRITTEN"]
    to_subject: Letter
    """The letter to the subject."""
    to_unit_head: Letter
    """The letter to the principal head of their unit's party committee or group."""

    @property
    def begun_on(self) -> date:
        return min(self.to_subject.sent_on, self.to_unit_head.sent_on)

    @property
    def done_on(self) -> date:
        return max(self.to_subject.received_on, self.to_unit_head.received_on)

    @property
    def hashes(self) -> tuple[str, ...]:
        return (self.to_subject.document_hash, self.to_unit_head.document_hash)


class FaceToFaceEvidence(Value):
    """Told to the subject by two members of staff; the subject signs, or their refusal to sign is noted."""

    form: Literal["FACE_TO_FACE"]
    place: ShortText
    """The place where they were told."""
    held_at: Instant
    """Not before the approval is valid, and not later than now."""
    staff: Annotated[tuple[Colleague, ...], Field(min_length=2, max_length=10)]
    """The accounts of two different members of staff at least, none of them excluded."""
    signature_hash: Sha256 | None = None
    """SHA-256 in hex of what the subject signed; either this or `refusal_note`."""
    refusal_note: ShortText | None = None
    """A note that the subject would not sign, and what they said; either this or `signature_hash`."""

    @model_validator(mode="after")
    def _two_people_and_one_ending(self) -> Self:
        if len(set(self.staff)) < 2:
            raise ValueError("two different members of staff are needed")
        if (self.signature_hash is None) == (self.refusal_note is None):
            raise ValueError("either the subject's signature or a note of his refusal to sign")
        return self

    @property
    def begun_on(self) -> date:
        return local_date(self.held_at)

    @property
    def done_on(self) -> date:
        return local_date(self.held_at)

    @property
    def hashes(self) -> tuple[str, ...]:
        return (self.signature_hash,) if self.signature_hash else ()


class MeetingEvidence(Value):
    """The meeting at which the text was read. `script` holds what was said beside the approved words;
    it is screened like the text."""

    form: Literal["MEETING"]
    place: ShortText
    """The place of the meeting."""
    held_at: Instant
    """Not before the approval is valid, and not later than now."""
    attendee_groups: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=20)]
    """The groups that came, as `居民代表`; no names."""
    attendee_count: Annotated[int, Field(ge=1, le=100_000)]
    """The number of people who came."""
    chair: ShortText
    """The leader of the meeting, by function."""
    reader: ShortText
    """The person who read the text, by function."""
    minutes_hash: Sha256
    """SHA-256 in hex of the minutes."""
    script: FreeText | None = None
    """The words that were said beside the approved ones; screened like the text itself (R10, SEC-12)."""

    @property
    def begun_on(self) -> date:
        return local_date(self.held_at)

    @property
    def done_on(self) -> date:
        return local_date(self.held_at)

    @property
    def hashes(self) -> tuple[str, ...]:
        return (self.minutes_hash,)


class CircularEvidence(Value):
    """The circular: how far, through which channels, from when until when."""

    form: Literal["CIRCULAR"]
    range: Scope
    """No wider than the approved scope (E_SCOPE_EXCEEDS_CONSENT)."""
    channels: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=20)]
    """The ways by which it was sent round, as `单位内网`."""
    from_on: Day
    """The day on which it was put up or sent."""
    to_on: Day
    """The last day on which it stood; not before `from_on`."""
    copy_hash: Sha256
    """SHA-256 in hex of the circular."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_on < self.from_on:
            raise ValueError("ended before it began")
        return self

    @property
    def begun_on(self) -> date:
        return self.from_on

    @property
    def done_on(self) -> date:
        return self.from_on

    @property
    def hashes(self) -> tuple[str, ...]:
        return (self.copy_hash,)


Evidence = Annotated[
    WrittenEvidence | FaceToFaceEvidence | MeetingEvidence | CircularEvidence, Field(discriminator="form")
]
