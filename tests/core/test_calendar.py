"""Working days: checked by hand against the notices for 2024 to 2026, and by property for the counting."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gongzhi.core.calendar import WorkCalendar
from gongzhi.core.errors import Misconfigured

DAYS = st.dates(date(2023, 6, 1), date(2027, 12, 31))

GOOD = """
[[year]]
year = 2026
basis = "县人民政府公告"
issued = 2025-12-01
holidays = [{ name = "火把节", from = 2026-08-06, to = 2026-08-08 }]
workdays = [2026-08-09]
"""


@pytest.fixture(scope="module")
def calendar():
    return WorkCalendar.load()


def day(text):
    return date.fromisoformat(text)


class TestIsWorkday:
    @pytest.mark.parametrize(
        "text",
        [
            "2024-02-04",  # Sunday, worked for the Spring Festival
            "2024-02-09",  # New Year's Eve was no holiday in 2024
            "2024-09-14",  # Saturday, worked for Mid-Autumn
            "2025-01-26",
            "2025-10-11",
            "2026-01-04",  # Sunday after New Year
            "2026-02-14",  # Saturday before the Spring Festival
            "2026-02-28",
            "2026-09-20",
            "2026-10-10",
            "2026-03-02",  # a plain Monday
        ],
    )
    def test_is_true_of(self, calendar, text):
        assert calendar.is_workday(day(text))

    @pytest.mark.parametrize(
        "text",
        [
            "2024-02-16",
            "2024-06-10",
            "2024-10-07",
            "2025-01-28",  # New Year's Eve, free since the decree of 2024
            "2025-10-08",
            "2026-01-02",
            "2026-02-16",
            "2026-02-23",
            "2026-06-19",
            "2026-10-07",
            "2026-03-01",  # a plain Sunday
            "2026-03-07",
        ],
    )
    def test_is_false_of(self, calendar, text):
        assert not calendar.is_workday(day(text))

    @pytest.mark.parametrize(("year", "workdays"), [(2024, 251), (2025, 248), (2026, 248)])
    def test_adds_up_to_the_year(self, calendar, year, workdays):
        """Weekdays of the year, less holidays on weekdays, plus make-up days: counted by hand."""
        assert calendar.workdays_between(date(year - 1, 12, 31), date(year, 12, 31)) == workdays

    def test_refuses_an_instant(self, calendar):
        """A datetime never equals a date, so each holiday would be missed in silence."""
        with pytest.raises(TypeError, match="Shanghai"):
            calendar.is_workday(datetime(2026, 10, 1, tzinfo=UTC))


class TestAddWorkdays:
    def test_does_not_count_the_first_day(self, calendar):
        assert calendar.add_workdays(day("2026-03-02"), 1) == day("2026-03-03")

    def test_gives_the_start_for_none(self, calendar):
        assert calendar.add_workdays(day("2026-10-01"), 0) == day("2026-10-01")

    def test_steps_over_the_spring_festival(self, calendar):
        """From Friday the 13th: Saturday the 14th is worked, then nothing until Tuesday the 24th."""
        assert calendar.add_workdays(day("2026-02-13"), 1) == day("2026-02-14")
        assert calendar.add_workdays(day("2026-02-13"), 2) == day("2026-02-24")
        # 24 to 28: five days in a row, the last a Saturday; then Monday the 2nd.
        assert calendar.add_workdays(day("2026-02-13"), 6) == day("2026-02-28")
        assert calendar.add_workdays(day("2026-02-13"), 7) == day("2026-03-02")

    def test_crosses_the_year(self, calendar):
        """31 December 2025 is a Wednesday, 1 to 3 January are free, Sunday the 4th is worked."""
        assert calendar.add_workdays(day("2025-12-30"), 1) == day("2025-12-31")
        assert calendar.add_workdays(day("2025-12-30"), 2) == day("2026-01-04")
        assert calendar.add_workdays(day("2025-12-30"), 3) == day("2026-01-05")

    def test_refuses_to_go_back(self, calendar):
        with pytest.raises(ValueError, match="forwards"):
            calendar.add_workdays(day("2026-03-02"), -1)

    @given(start=DAYS, count=st.integers(1, 60))
    def test_agrees_with_workdays_between(self, calendar, start, count):
        end = calendar.add_workdays(start, count)
        assert calendar.workdays_between(start, end) == count
        assert calendar.is_workday(end)


class TestWorkdaysBetween:
    def test_counts_the_last_day_and_not_the_first(self, calendar):
        assert calendar.workdays_between(day("2026-09-30"), day("2026-10-10")) == 3
        assert calendar.workdays_between(day("2026-10-01"), day("2026-10-07")) == 0

    @given(start=DAYS, middle=DAYS, end=DAYS)
    def test_adds_up(self, calendar, start, middle, end):
        whole = calendar.workdays_between(start, end)
        assert calendar.workdays_between(start, middle) + calendar.workdays_between(middle, end) == whole
        assert calendar.workdays_between(end, start) == -whole


class TestDue:
    def test_counts_working_days(self, calendar):
        assert calendar.due(day("2026-09-29"), 3) == day("2026-10-09")

    def test_counts_natural_days(self, calendar):
        assert calendar.due(day("2026-01-31"), 30, kind="natural") == day("2026-03-02")
        assert calendar.due(day("2026-09-04"), 30, kind="natural") == day("2026-10-04")

    def test_extends_to_the_next_working_day_when_asked(self, calendar):
        """30 days from 4 September end within the national holiday; a court would wait for the 8th."""
        end = calendar.due(day("2026-09-04"), 30, kind="natural", extend_to_workday=True)
        assert end == day("2026-10-08")

    def test_extends_to_a_make_up_sunday(self, calendar):
        """Saturday 19 September 2026 is free; Sunday the 20th is worked, so the period ends on it."""
        end = calendar.due(day("2026-08-20"), 30, kind="natural", extend_to_workday=True)
        assert end == day("2026-09-20")

    def test_leaves_a_working_day_alone(self, calendar):
        end = calendar.due(day("2026-01-31"), 30, kind="natural", extend_to_workday=True)
        assert end == day("2026-03-02")

    def test_refuses_to_go_back(self, calendar):
        with pytest.raises(ValueError, match="forwards"):
            calendar.due(day("2026-03-02"), -1, kind="natural")

    @given(start=DAYS, count=st.integers(0, 60), kind=st.sampled_from(["working", "natural"]))
    def test_never_ends_early(self, calendar, start, count, kind):
        end = calendar.due(start, count, kind=kind, extend_to_workday=True)
        assert end >= start + timedelta(days=count)
        assert calendar.is_workday(end)


class TestUnknownYear:
    def test_counts_monday_to_friday_and_warns_once(self):
        calendar = WorkCalendar.load()
        with capture_logs() as logs:
            assert calendar.is_workday(day("2031-10-01"))
            assert not calendar.is_workday(day("2031-10-04"))
        assert calendar.unknown_years == {2031}
        [entry] = logs
        assert (entry["event"], entry["year"], entry["log_level"]) == (
            "calendar.year_unknown",
            2031,
            "warning",
        )

    def test_is_no_known_year(self):
        calendar = WorkCalendar.load()
        calendar.workdays_between(date(2023, 12, 31), date(2026, 12, 31))
        assert calendar.unknown_years == frozenset()
        assert list(calendar.years) == [2024, 2025, 2026]


class TestLoad:
    def test_names_the_notice(self, calendar):
        assert "国办发明电〔2025〕7号" in calendar.years[2026].basis
        assert calendar.years[2026].issued == date(2025, 11, 4)

    def test_replaces_a_whole_year(self, tmp_path):
        """No day of the packaged year shines through the operator's."""
        (tmp_path / "县.toml").write_text(GOOD, "utf-8")
        calendar = WorkCalendar.load(tmp_path)
        assert not calendar.is_workday(day("2026-08-06"))
        assert calendar.is_workday(day("2026-08-09"))
        assert calendar.is_workday(day("2026-10-01"))
        assert not calendar.is_workday(day("2025-10-01"))

    def test_does_without_a_folder(self, tmp_path):
        assert list(WorkCalendar.load(tmp_path / "absent").years) == [2024, 2025, 2026]

    def test_reads_what_an_editor_on_windows_wrote(self, tmp_path):
        (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
        assert "县人民政府" in WorkCalendar.load(tmp_path).years[2026].basis

    def test_lets_a_notice_reach_back_into_december(self, tmp_path):
        new = GOOD.replace("2026", "2027").replace("[2027-08-09]", "[2026-12-26]")
        (tmp_path / "2027.toml").write_text(new, "utf-8")
        calendar = WorkCalendar.load(tmp_path)
        assert calendar.is_workday(day("2026-12-26"))
        assert calendar.unknown_years == frozenset()

    def test_refuses_two_files_for_one_year(self, tmp_path):
        (tmp_path / "a.toml").write_text(GOOD, "utf-8")
        (tmp_path / "b.toml").write_text(GOOD, "utf-8")
        with pytest.raises(Misconfigured, match=r"b\.toml: the year 2026 is also in .*a\.toml"):
            WorkCalendar.load(tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("year = 2026", "year = ", "line 3"),
            ("year = 2026", "year = 20260", r"\$\.year\[0\]\.year"),
            ('basis = "县人民政府公告"', "", "basis"),
            ("县人民政府公告", "", r"\$\.year\[0\]\.basis"),
            ("issued = 2025-12-01", 'issued = "soon"', r"\$\.year\[0\]\.issued"),
            ("workdays", "work_days", "work_days"),
            ("to = 2026-08-08", "till = 2026-08-08", r"\$\.year\[0\]\.holidays\[0\]"),
            ("from = 2026-08-06", "from = 2026-08-06T08:00:00", r"\$\.year\[0\]\.holidays\[0\]\.from"),
            ("from = 2026-08-06", "from = 2026-08-09", "2026 火把节: 2026-08-09 to 2026-08-08"),
            ("to = 2026-08-08", "to = 2026-10-08", "2026 火把节: 2026-08-06 to 2026-10-08"),
            ("to = 2026-08-08", "to = 2026-08-09", "2026 workdays: 2026-08-09 is named twice"),
            ("[2026-08-09]", "[2026-08-10]", "2026 workdays: 2026-08-10 is neither"),
            ("[2026-08-09]", "[2027-08-07]", "2026 workdays: 2027-08-07 lies outside"),
            ("[2026-08-09]", "[2025-11-29]", "2026 workdays: 2025-11-29 lies outside"),
            ("[2026-08-09]\n", "[2026-08-09]\n" + GOOD, "the year 2026 is described twice"),
        ],
    )
    def test_names_the_file_and_the_entry(self, tmp_path, old, new, says):
        assert old in GOOD
        (tmp_path / "县.toml").write_text(GOOD.replace(old, new, 1), "utf-8")
        with pytest.raises(Misconfigured, match=rf"县\.toml: .*{says}"):
            WorkCalendar.load(tmp_path)

    def test_names_a_file_that_is_no_text(self, tmp_path):
        (tmp_path / "a.toml").write_bytes("劳动节".encode("gb18030"))
        with pytest.raises(Misconfigured, match=r"a\.toml: "):
            WorkCalendar.load(tmp_path)
