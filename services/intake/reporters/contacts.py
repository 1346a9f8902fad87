"""Tells where an organ can be reached, and when its head receives visitors: public (A4)."""

from __future__ import annotations

from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from shared.casework.http.describe import answer, array, in_path
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.language.law.working_days import add_working_days, is_working_day, local_date
from shared.language.organs.tree import Level
from shared.language.refusal import refuse
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD

EVERY_OTHER = "*"
"""The entry for organs that have none of their own."""
DAYS_AHEAD = 3
Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Reception(BaseModel):
    """The day on which a leader receives visitors (负责人定期接访): once a month, on an nth weekday."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    week: Annotated[int, Field(ge=1, le=4)]
    weekday: Annotated[int, Field(ge=1, le=5)]
    """1 is Monday."""
    begins: Time
    ends: Time
    held_by: Literal["organ_head", "deputy_leader"]

    def days(self, today: date) -> list[date]:
        """The next few, the present day included; one that is free moves to the next working day."""
        found: list[date] = []
        month = date(today.year, today.month, 1)
        while len(found) < DAYS_AHEAD:
            first = month + timedelta(days=(self.weekday - 1 - month.weekday()) % 7)
            day = first + timedelta(weeks=self.week - 1)
            if not is_working_day(day)[0]:
                day = add_working_days(day, 1).date
            if day >= today:
                found.append(day)
            month = (month + timedelta(days=31)).replace(day=1)
        return found


class Contact(BaseModel):
    """The ways in which an organ can be reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = ""
    telephone: str
    site: str
    reception: Reception | None = None


TEXT = {"type": "string"}
DAY = answer(
    date={**TEXT, "format": "date"},
    begins=TEXT,
    ends=TEXT,
    held_by={"enum": [ORGAN_HEAD, DEPUTY_LEADER]},
)
"""A day of reception, as the document tells it."""


class ContactRoutes:
    """`GET /v1/organs/{organ}/contact`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._contacts = load(parts.settings.contacts_file)

    @read(
        "OrganContact",
        "/v1/organs/{organ}/contact",
        rule="A4",
        anyone=True,
        parameters=(in_path("organ", "Its code, as DI-990102."),),
        answer=answer(organ=TEXT, name=TEXT, address=TEXT, telephone=TEXT, site=TEXT, reception=array(DAY)),
        tag="reports",
    )
    async def contact(self, ask: Asked[Complaint]) -> Response:
        """Address, telephone, site and the next days of reception of an organ of county level or above (A4).
        No record is kept of the caller (SEC-6)."""
        organs, code = self.parts.law.organs, ask.request.path_params["organ"]
        if code not in organs or organs.get(code).level < Level.COUNTY:
            refuse("E_NOT_FOUND", "A4")
        found = self._contacts.get(code) or self._contacts[EVERY_OTHER]
        told: dict[str, Any] = found.model_dump(exclude={"reception"})
        days = []
        if (reception := found.reception) is not None:
            hours = reception.model_dump(include={"begins", "ends", "held_by"})
            today = local_date(self.parts.clock.now())
            days = [{"date": day, **hours} for day in reception.days(today)]
        return json_response({"organ": code, "name": organs.get(code).name_zh, **told, "reception": days})


def load(path: str) -> dict[str, Contact]:
    """The contacts by organ; without a file of the deployment, the packaged ones. Raises ValueError for a
    file that has not the form, or tells nothing of the organs that it does not name."""
    source = Path(path) if path else files("shared.language.organs") / "data" / "contacts.json"
    contacts = TypeAdapter(dict[str, Contact]).validate_json(source.read_text("utf-8"))
    if EVERY_OTHER not in contacts:
        raise ValueError(f"contacts: an entry {EVERY_OTHER!r} is needed for the organs that are not named")
    return contacts
