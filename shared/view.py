"""A case as it can be told from its published events alone: the same fold in the services and in audit.

A service folds its own stream, audit folds what was published; so what a service answered on a day
and what audit replays for that day are the same document (architecture §6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def fold_view(contents: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Folds published contents of one stream, in order. None when there are none.

    `facts` holds the latest value of every published field; `history` one line per event; `open`
    the deadlines that run.
    """
    view: dict[str, Any] | None = None
    for content in contents:
        stream, meta = content["stream"], content["meta"]
        if view is None:
            view = {
                "id": stream["id"],
                "kind": stream["kind"],
                "organ": stream["organ"],
                "number": "",
                "correlation_id": meta["correlation_id"],
                "opened_at": content["time"],
                "assigned": {},
                "deadlines": {},
                "facts": {},
                "history": [],
            }
        name = type_name(content)
        event = content["event"]
        view["version"] = stream["version"]
        view["state"] = stream["state"]
        _fold_people(view["assigned"], name, event)
        for met in meta.get("deadlines_met", ()):
            view["deadlines"].pop(met, None)
        for deadline in meta.get("deadlines", ()):
            view["deadlines"][deadline["id"]] = deadline["due"]
        if name not in PEOPLE:
            view["facts"].update(event)
            view["number"] = view["number"] or event.get("number", "")
        view["history"].append(
            {
                "version": stream["version"],
                "type": name,
                "state": stream["state"],
                "occurred_at": content["time"],
                "by": {"actor": meta["actor"], "role": meta["role"], "organ": meta["organ"]},
                "rule": meta.get("rule", ""),
                "command": meta["command"],
                "policy": meta["policy"],
            }
        )
    return view


PEOPLE = frozenset({"AssignmentStarted", "AssignmentEnded", "RecusalDeclared"})


def type_name(content: Mapping[str, Any]) -> str:
    """`zm.intake.ComplaintReceived.v1` -> `ComplaintReceived`."""
    return str(content["type"]).split(".")[2]


def _fold_people(assigned: dict[str, list[str]], name: str, event: Mapping[str, Any]) -> None:
    if name == "AssignmentStarted":
        assigned[event["person"]] = sorted({*assigned.get(event["person"], ()), event["role"]})
    elif name == "AssignmentEnded":
        left = [r for r in assigned.get(event["person"], ()) if r != event["role"]]
        if left:
            assigned[event["person"]] = left
        else:
            assigned.pop(event["person"], None)
    elif name == "RecusalDeclared":
        assigned.pop(event["person"], None)
