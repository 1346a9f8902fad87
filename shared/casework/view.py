"""A case as it can be told from its published events alone: the same fold in the services and in audit.

A service folds its own stream, audit folds what was published; so what a service answered on a day
and what audit replays for that day are the same document (ADR 0005).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def fold_view(contents: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Folds published contents of one stream, in order. None when there are none.

    `facts` holds the latest value of every published field; `history` one line per event; `open` the
    deadlines that run; `recusals`, where somebody asked for one, the requests with their decisions; `acting`,
    where a step was escalated, the organs above that take one.
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
        if meta.get("assigns"):
            view["assigned"][meta["actor"]] = [meta["role"]]
        _fold_people(view["assigned"], name, event)
        if name == "StepEscalated":
            view.setdefault("acting", {})[event["step"]] = event["to_organ"]
        if name in REQUESTS:
            view.setdefault("recusals", {}).setdefault(event["request"], {}).update(event)
        for met in meta.get("deadlines_met", ()):
            view["deadlines"].pop(met, None)
        for deadline in meta.get("deadlines", ()):
            view["deadlines"][deadline["id"]] = deadline["due"]
        if name not in BESIDE:
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


def fold_occurred(
    stream: Sequence[Mapping[str, Any]], happened: Iterable[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Folds the events of a stream that had happened, in the order of occurrence (B51). None before its
    beginning.

    The version says how many of its events had happened. The state is the one to which its steps had led: a
    step is done when it and every step before it have happened, so that an event that was recorded early and
    happened late takes nothing back. `stream` holds all of its contents, in their own order.
    """
    happened = list(happened)
    there = {content["stream"]["version"] for content in happened}
    state = None
    for content in stream:
        if content["stream"]["state"] != state:
            if content["stream"]["version"] not in there:
                break
            state = content["stream"]["state"]
    view = fold_view(happened)
    return None if view is None or state is None else view | {"version": len(happened), "state": state}


REQUESTS = frozenset({"RecusalRequested", "RecusalDecided"})
BESIDE = REQUESTS | {
    *("AssignmentStarted", "AssignmentEnded", "PersonExcluded", "ExclusionLifted", "DeadlineRecomputed"),
    *("StandInAwaited", "StepEscalated", "StepTakenUp"),
    *("DecisionInQuestion", "EarlierStepConfirmed", "EarlierStepSentBack"),
}
"""Events that change who works on a case and until when, but not its content."""


_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
VIEW: dict[str, Any] = {
    "type": "object",
    "description": "A case as its published events tell it.",
    "required": [
        *("id", "kind", "organ", "number", "correlation_id", "opened_at", "version", "state"),
        *("assigned", "deadlines", "facts", "history"),
    ],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "kind": _TEXT,
        "organ": _TEXT,
        "number": _TEXT,
        "correlation_id": {"type": "string", "format": "uuid"},
        "opened_at": _TIME,
        "version": {"type": "integer", "minimum": 1},
        "state": _TEXT,
        "assigned": {
            "description": "Who works on it, in which roles.",
            "type": "object",
            "additionalProperties": {"type": "array", "items": _TEXT},
        },
        "acting": {
            "description": "The organ above that takes a step which was escalated, by step (B5).",
            "type": "object",
            "additionalProperties": _TEXT,
        },
        "deadlines": {
            "description": "What runs, and until when.",
            "type": "object",
            "additionalProperties": {"type": "string", "format": "date"},
        },
        "facts": {"description": "The latest value of every published field.", "type": "object"},
        "history": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["version", "type", "state", "occurred_at", "by", "rule", "command", "policy"],
                "properties": {
                    "version": {"type": "integer", "minimum": 1},
                    "type": _TEXT,
                    "state": _TEXT,
                    "occurred_at": _TIME,
                    "by": {"$ref": "#/components/schemas/Actor"},
                    "rule": _TEXT,
                    "command": _TEXT,
                    "policy": _TEXT,
                },
            },
        },
    },
}
"""The document as JSON Schema."""


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
    elif name == "PersonExcluded":
        assigned.pop(event["person"], None)
