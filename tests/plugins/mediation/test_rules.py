"""The dated rules: the one that held on a day, with the article it stands on."""

import datetime as dt

import pytest

from gongzhi.plugins.mediation.rules import rule_on


class TestRuleOn:
    @pytest.mark.parametrize("day", [dt.date(2002, 11, 1), dt.date(2026, 3, 2), dt.date(2099, 1, 1)])
    def test_is_the_rule_of_that_day(self, day):
        rule = rule_on("mediation.due_days", day)
        assert (rule.value, rule.since, rule.until) == (30, dt.date(2002, 11, 1), None)
        assert rule.basis.startswith("《人民调解工作若干规定》第三十三条")

    @pytest.mark.parametrize(
        ("name", "day"),
        [("mediation.due_days", dt.date(2002, 10, 31)), ("mediation.unknown", dt.date(2026, 3, 2))],
    )
    def test_is_an_error_where_there_was_none(self, name, day):
        with pytest.raises(LookupError, match=f"no rule {name} on {day}"):
            rule_on(name, day)
