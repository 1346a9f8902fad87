"""The states of the petition platform's complaints, for platforms that rather pull: a line moves when its
coarse status changes, and not at every event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Table, Text, Uuid

from services.intake.domain.complaint.state import coarse
from shared.kernel.store.rows import RowSet, begun_in
from shared.kernel.store.schema import view_metadata
from shared.kernel.store.types import RawEntry


class StatusBook:
    """One line per complaint that a platform sent, by call or on paper."""

    name = "statusbook"
    version = 2

    def __init__(self) -> None:
        self.metadata = view_metadata()
        self.statuses = Table(
            f"platform_status_v{self.version}",
            self.metadata,
            Column("complaint", Uuid, primary_key=True),
            Column("platform", Text, nullable=False),
            Column("platform_no", Text, nullable=False),
            Column("organ", Text, nullable=False),
            Column("status", Text, nullable=False, info={"list": "ComplaintStatus"}),
            Column("change", BigInteger, nullable=False),
            Column("occurred_at", Text, nullable=False),
            Column("position", BigInteger, nullable=False, index=True),
        )
        self.tables = [self.statuses]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        complaints = [e for e in batch if e.data["kind"] == "Complaint"]
        statuses = rows[self.statuses]
        await statuses.fetch((e.stream for e in complaints), begun=begun_in(batch))
        for entry in complaints:
            name, data = entry.topic.rpartition(".")[2], entry.data
            row = statuses.get(entry.stream)
            if name == "ComplaintReceived" and data["event"].get("platform_no"):
                row = statuses.put(
                    {
                        "complaint": entry.stream,
                        "platform": "",
                        "platform_no": data["event"]["platform_no"],
                        "organ": data["organ"],
                        "status": "",
                        "change": 0,
                    }
                )
            if row is None:
                continue
            if name == "PlatformTransferReceived":
                row["platform"] = data["event"]["platform"]
            if (status := coarse(data["state"])) != row["status"]:
                row["status"] = status
                row["change"] += 1
                occurred_at = datetime.fromisoformat(data["meta"]["occurred_at"])
                row["occurred_at"] = occurred_at.astimezone(UTC).isoformat()
                row["position"] = entry.position
