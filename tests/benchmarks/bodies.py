"""The body of a complaint: what the references validate, as `ReceiveComplaint` does."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.intake.domain.values import ReporterBlock
from shared.language.contracts.common import LevelName
from shared.language.contracts.intake import Channel, Source


class Body(BaseModel):
    """The fields of `ReceiveComplaint` with the same types."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Channel
    source: Source = "DIRECT"
    received_on: date
    pages: Annotated[int, Field(ge=1, le=5000)] = 1
    competent_level: LevelName
    blob_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{0,120}$")] = ""
    platform_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{0,60}$")] = ""
    acknowledged_notice_version: Annotated[str, StringConstraints(max_length=40)] = ""
    reporter: ReporterBlock | None = None


COMPLAINT = orjson.dumps(
    {
        "channel": "LETTER",
        "received_on": "2022-03-01",
        "pages": 3,
        "competent_level": "TOWNSHIP",
        "blob_id": "scan-2022-0001",
    }
)
