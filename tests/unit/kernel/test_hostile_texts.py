"""No text costs the square of its length, in whatever field of whatever command it is sent.

Texts are read on the event loop, where all stand still meanwhile. Compared is what n and 4n characters
cost, since no machine is as fast as another: a linear reader takes four times as long, a quadratic one
sixteen times.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.clarification.commands import COMMANDS as CLARIFICATION
from services.clarification.domain.text import screen as clarification_screen
from services.followup.commands import COMMANDS as FOLLOWUP
from services.intake.clerks.book import grams
from services.intake.commands import COMMANDS as INTAKE
from services.intake.commands.integration import ReceivePlatformTransfer
from services.intake.commands.reporting import FROM_ANYONE
from services.intake.domain.values import AccusedEntry, CoSigner, ReporterBlock
from services.intake.reporters.code import halves
from services.intake.reporters.plain import is_plain
from services.intake.vault.protection.commands import PROTECTION
from services.intake.vault.rewards import REWARDS
from services.intake.vault.screen import guesses
from services.intake.vault.tokens import names, reveals
from services.verification.commands import COMMANDS as VERIFICATION
from shared.casework.command import Command, Screened
from shared.casework.http.values import without_nul
from shared.language.contracts.common import Accused
from shared.language.law.identifiers import holds_personal_number, tells_personal_number
from shared.language.refusal import Refusal
from shared.language.spelling import normal
from shared.language.tracing import asks_who_reported, asks_who_you_are, names_its_speaker
from shared.language.wording import tells_channel

EVERY: list[type[Command]] = [
    *INTAKE,
    *FROM_ANYONE,
    ReceivePlatformTransfer,
    *VERIFICATION,
    *CLARIFICATION,
    *FOLLOWUP,
    *PROTECTION,
    *REWARDS,
]
REPORTERS = [
    ReporterBlock(
        name="罗虚一",
        unit="云瓶镇虚构合作社",
        address="云瓶镇虚构村三组十二号",
        phone="13972064815",
        email="luo.88@example.invalid",
        resident_id="99010119000107007X",
        co_signers=(CoSigner(name="阿卜杜热合曼·虚一"), CoSigner(name="欧阳虚一"), CoSigner(name="高峰")),
    )
]
HOSTILE = (
    *("不得谁举报", "不得", "谁", "谁，", "\ufeff ", "\ufeff", "From a", "a:", "<"),
    *(
        "8",
        "一",
        "十",
        "a",
        "x",
        "*",
        "1*",
        "139*",
        "1x",
        "罗",
        "罗某",
        "罗*",
        "*虚一",
        "虚一",
        "a-",
        "l_u_o",
        "luoxu",
    ),
    *(
        "举报",
        "匿名",
        "举报人",
        "可能是",
        "是会计",
        "是其妻",
        "写信的是",
        "由",
        "谁",
        "怀疑",
        "笔迹",
        "尾号",
        "139****481",
    ),
    *(
        "信件",
        "举报信",
        "多",
        "封",
        "高峰",
        "是高峰",
        "高峰，",
        "罗虚一、",
        "姓罗名叫",
        "据",
        "称其",
        "罗虚",
        "阿卜杜",
        "·",
    ),
    *(
        "，",
        "。",
        "\n",
        " ",
        "\u200b",
        "\u3164",
        "\U000f0001",
        "ﷺ",
        "ｱﾞ",
        "é",
        "e\u0301",
        "陳",
        "\ue863",
        "三组",
        "１",
        "零",
        "0",
    ),
    *(
        "诬告",
        "事故意",
        "的信",
        "住",
        "号院",
        "据说",
        "系小区住户",
        "写",
        "的",
        "向",
        "前",
        "是",
        "\\u0000",
        "\\\\u0000",
    ),
)
N = 2000
MOST = 9
"""Most times the cost; between four, for a linear reader, and sixteen."""
TICK = 1e-4
"""Seconds: less is not measured."""


def quoted(text: str) -> None:
    """A clarification's note, which may be refused."""
    with suppress(Refusal):
        clarification_screen(text, ["反映其收受礼金", "8"])


def reveals_somebody(text: str) -> bool:
    return reveals(text, REPORTERS, ["云瓶镇", "虚构合作社"])


def attached(text: str) -> bool:
    return is_plain(text)


def indexed(text: str) -> list[str]:
    return grams(normal(text))


def without(text: str) -> None:
    """As it stands in a body, backslashes and all."""
    with suppress(Refusal):
        without_nul(b'{"a":"%s"}' % text.encode())


READERS: tuple[Callable[[str], Any], ...] = (
    guesses,
    reveals_somebody,
    tells_channel,
    asks_who_reported,
    asks_who_you_are,
    names_its_speaker,
    tells_personal_number,
    quoted,
    indexed,
    halves,
    holds_personal_number,
    without,
)
"""Everything in the product that looks into a text that somebody sent."""


def cost(read: Callable[[str], Any], text: str) -> float:
    """Seconds of this thread alone."""
    before = time.thread_time()
    read(text)
    return time.thread_time() - before


def check_linear(read: Callable[[str], Any], few: str, many: str) -> None:
    """Four times the characters cost nowhere near sixteen times. A time too short to be measured is told from
    noise by looking again."""
    for _ in range(5):
        ratio = cost(read, many) / max(cost(read, few), TICK)
        if ratio < MOST:
            return
    raise AssertionError(f"{ratio:.0f} times the cost for 4 times {few[:12]!r}")


@pytest.mark.parametrize("read", READERS, ids=lambda r: r.__name__)
def test_no_reader_is_quadratic(read: Callable[[str], Any]) -> None:
    """Each, with every text that was made to have it go back and forth."""
    for hostile in HOSTILE:
        text = (hostile * 4 * N)[: 4 * N]
        for tail in ("", "举"):
            check_linear(read, text[:N] + tail, text + tail)


def test_sec6_no_attachment_costs_the_square_of_its_length() -> None:
    """Files are longer than any field."""
    for hostile in HOSTILE:
        text = (hostile * 40 * N)[: 40 * N]
        check_linear(attached, text[: 10 * N], text)


def test_a_name_field_is_read_in_no_time_that_doubles_with_each_word() -> None:
    """The field is too short for a square to matter, and long enough for a reader that tries every way of
    parting it."""
    for hostile in (*HOSTILE, "群众", "老百姓", "热心", "一名", "某", "不愿透露", "罗虚一和", "罗 虚 "):
        text = (hostile * 60)[:59]
        check_linear(_as_reporter, text[:14] + "罗", text + "罗")


def _as_reporter(field: str) -> None:
    for _ in range(8):
        names.__wrapped__(field)


@pytest.mark.parametrize("command", EVERY, ids=lambda c: c.__name__)
def test_every_text_field_takes_its_largest_hostile_value(command: type[Command]) -> None:
    """The value is accepted or refused for its form: bounded, never a defect, never quadratic. A value that
    is accepted and screened goes through every reader of texts."""
    for path, kind, longest, screened in leaves(command):
        form = TypeAdapter(kind)
        take = partial(_taken, form)
        with pytest.raises(ValidationError):
            form.validate_python("8" * (1 << 20), strict=True)
        for hostile in HOSTILE if longest else ():
            largest = (hostile * longest)[:longest]
            taken = take(largest)
            if longest >= N:
                check_linear(take, largest[: longest // 4], largest)
            if screened and taken is not None:
                assert path.split(".")[0] in command.screened
                read_by_all(taken)


@cache
def read_by_all(text: str) -> None:
    for read in READERS:
        read(text)


def _taken(form: TypeAdapter[Any], value: str) -> str | None:
    try:
        return str(form.validate_python(value, strict=True))
    except ValidationError:
        return None


def test_the_walk_finds_the_fields() -> None:
    """Nested ones, those of lists, and those that may be left out."""
    found = {
        f"{command.__name__}.{path}": (longest, screened)
        for command in EVERY
        for path, _, longest, screened in leaves(command)
    }
    assert found["ListAllegations.allegations.text"] == (4000, True)
    assert found["ListAllegations.accused.name"] == (120, True)
    assert found["PlanClarification.recipients"] == (300, True)
    assert found["SubmitReport.reporter.co_signers.name"] == (120, False)
    assert found["SubmitReport.text"] == (20_000, False)
    assert found["RelayAnswer.answer"] == (4000, True)


def test_r11_a_form_takes_what_the_register_takes() -> None:
    """The lengths and patterns of an accused as the API tells them are those of the event."""
    form, kept = (m.model_json_schema()["properties"] for m in (AccusedEntry, Accused))
    for name in ("name", "unit", "unit_division"):
        [typed] = [kind for kind in form[name]["anyOf"] if kind["type"] == "string"]
        for bound in ("minLength", "maxLength", "pattern"):
            assert typed.get(bound) == kept[name].get(bound), (name, bound)


def test_no_pattern_takes_digits_of_other_scripts() -> None:
    """`\\d` and `\\w` do; a place that is typed in full width is refused for its form."""
    for command in EVERY:
        for path, kind, _, _ in leaves(command):
            for bound in get_args(kind)[1:]:
                pattern = getattr(bound, "pattern", None)
                assert pattern is None or not re.search(r"\\[dwsb]", str(pattern)), (command, path)
    with pytest.raises(ValidationError):
        AccusedEntry(name="虚", unit="虚", unit_division="９９０１０２１００", managed_by_level="TOWNSHIP")


def leaves(model: type[BaseModel]) -> Iterator[tuple[str, Any, int, bool]]:
    """Every text field of a command: where it is, its type, its longest value (0: not by length), and
    whether it is screened."""
    for name, field in model.model_fields.items():
        for path, kind in _texts(field.annotation, tuple(field.metadata)):
            bounds = get_args(kind)[1:]
            longest = next((n for b in bounds if (n := _longest(b)) is not None), 0)
            yield f"{name}{path}", kind, longest, any(isinstance(b, Screened) for b in bounds)


def _longest(bound: Any) -> int | None:
    limit = getattr(bound, "max_length", None)
    return limit if isinstance(limit, int) else None


def _texts(annotation: Any, bounds: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        yield from _texts(annotation, (*more, *bounds))
    elif annotation is str:
        yield "", Annotated[(str, *bounds, Marked())]
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for path, kind, _, _ in leaves(annotation):
            yield f".{path}", kind
    else:
        for part in get_args(annotation):
            # The bounds of a list are not those of what stands in it.
            inner = bounds if get_origin(annotation) in (Union, UnionType) else ()
            yield from _texts(part, inner) if part is not Ellipsis else ()


class Marked:
    """Keeps `Annotated` from being empty."""
