"""The end of a process, and the lines that it leaves in its log."""

from __future__ import annotations

import json
import logging
import signal
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from deploy.local.process import Child, accepts, free_port, passed_on, wait_until
from shared.casework.service import DEFECT_STATUS, ForeignLines
from tests import processes

SECRET = "张三"


def start(how: str, port: int, log: Path) -> Child:
    return processes.start("tests.unit.http.ending", how, str(port), log=log, env=passed_on())


def lines(log: Path) -> list[dict[str, Any]]:
    """Every line of the log is one of ours, and quotes nobody."""
    text = log.read_text()
    assert SECRET not in text
    return [json.loads(line) for line in text.splitlines()]


def test_a_process_that_a_defect_ended_says_so_by_its_status(tmp_path: Path) -> None:
    """A supervisor that takes a signal for a wish would leave it lying."""
    log = tmp_path / "log"
    child = start("defect", free_port(), log)
    assert child.wait(60)
    assert child.popen.returncode == DEFECT_STATUS
    assert [line["event"] for line in lines(log)] == ["worker_died"]


def test_a_start_that_fails_is_told_by_what_it_failed_of(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start("stillborn", free_port(), log)
    assert child.wait(60)
    assert child.popen.returncode not in (0, DEFECT_STATUS)
    assert [line["error"] for line in lines(log) if "error" in line] == ["LookupError"]


def test_of_a_chain_of_errors_the_last_is_told() -> None:
    """The last error's kind alone is told, however many lines its message has."""
    try:
        try:
            raise LookupError(SECRET)
        except LookupError as first:
            raise ValueError(f"{SECRET}\nname: {SECRET}\n") from first
    except ValueError:
        written = traceback.format_exc()
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, written, (), None)
    with capture_logs() as logged:
        ForeignLines().emit(record)
    assert [entry["error"] for entry in logged] == ["ValueError"]
    assert SECRET not in str(logged)


@pytest.mark.parametrize(("by", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_a_process_that_was_stopped_ends_as_it_was_asked(
    tmp_path: Path, by: signal.Signals, status: int
) -> None:
    log, port = tmp_path / "log", free_port()
    child = start("stop", port, log)
    wait_until(child, lambda: accepts(port))
    child.popen.send_signal(by)
    assert child.wait(60)
    assert (child.popen.returncode, lines(log)) == (status, [])


def test_sec6_a_stop_in_the_middle_of_an_upload_is_told_as_a_problem(tmp_path: Path) -> None:
    """Not as 500 in plain text; and the log holds no trace of another form than its own."""
    log, port = tmp_path / "log", free_port()
    child = start("stop", port, log)
    wait_until(child, lambda: accepts(port))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST /v1/slow HTTP/1.1\r\nhost: toy\r\ncontent-length: 9000\r\n\r\nx")
        connection.sendall(b"x" * 100)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as other:
            other.sendall(b"GET /livez HTTP/1.1\r\nhost: toy\r\nconnection: close\r\n\r\n")
            assert other.recv(1000)  # so the upload has begun
        child.popen.send_signal(signal.SIGTERM)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["code"] == "E_UNAVAILABLE"
    assert child.wait(60)
    told = lines(log)
    assert "stopped_under_way" in [line["event"] for line in told]
    assert {line["event"] for line in told} <= {"stopped_under_way", "library"}


def test_a_defect_is_logged_by_type_and_place_alone(tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    child = start("stop", port, log)
    wait_until(child, lambda: accepts(port))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        trace = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        head = b"POST /v1/slow HTTP/1.1\r\nhost: toy\r\n" + trace + b"content-length: 1\r\n\r\nx"
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 500")
    child.end()
    assert [(line["event"], line["error"]) for line in lines(log)] == [("request_failed", "ValueError")]
    assert [(line["service"], line["trace_id"]) for line in lines(log)] == [
        ("toy", "4bf92f3577b34da6a3ce929d0e0e4736")
    ]
