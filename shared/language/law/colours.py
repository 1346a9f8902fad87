"""The colour of a running deadline: how near its last day is, in working days (§3.8, §8.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from shared.language.law.policy import Policy
from shared.language.law.working_days import add_working_days, working_days_left

Colour = Literal["GREEN", "YELLOW", "RED", "BLACK"]
RED_FROM = 1
"""Working days left: with one, whatever still needs a second person's signature is already late."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours as they stand on one day; each is a range of last days, so a query can ask for one."""

    today: date
    red_until: date
    yellow_until: date

    @classmethod
    def on(cls, today: date, policy: Policy) -> Colours:
        """YELLOW begins with the reminder (`reminder.before.days`), RED on the last full working day, BLACK
        when the last day is over: by the calendar alone, whether or not the breach has been told yet."""
        yellow = max(policy.int_of("reminder.before.days"), RED_FROM)
        return cls(today, _last_day_with(today, RED_FROM), _last_day_with(today, yellow))

    def of(self, due: date) -> Colour:
        if due < self.today:
            return "BLACK"
        if due <= self.red_until:
            return "RED"
        return "YELLOW" if due <= self.yellow_until else "GREEN"

    def days(self, colour: Colour) -> tuple[date, date]:
        """The first and the last due day of a colour, both within it (an empty range: last before first)."""
        match colour:
            case "BLACK":
                return date.min, self.today - _ONE_DAY
            case "RED":
                return self.today, self.red_until
            case "YELLOW":
                return self.red_until + _ONE_DAY, self.yellow_until
            case "GREEN":
                return self.yellow_until + _ONE_DAY, date.max

    def told(self, due: date, provisional: bool) -> dict[str, object]:
        """The words of a list about a due day."""
        left, assumed = working_days_left(self.today, due)
        return {
            "due": due,
            "working_days_left": left,
            "colour": self.of(due),
            "provisional": provisional or assumed,
        }


def _last_day_with(today: date, left: int) -> date:
    """The last due day on which no more than `left` working days are left today."""
    return add_working_days(today, left + 1).date - _ONE_DAY
