"""The integrator's afternoon: every command and program on the page is run, and prints what the page says."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "integrator-afternoon.md"
SOURCES = ROOT / "docs" / "integrator-afternoon"
FENCE = re.compile(r"^```(?P<info>.*)\n(?P<text>(?:.*\n)*?)^```$", re.MULTILINE)
PARTS = ("setup", "curl", "python", "typescript", "end")


@dataclass(frozen=True)
class Block:
    """A fenced block of the page.

    :param line: of its first line.
    :param words: of its info string.
    """

    line: int
    words: tuple[str, ...]
    text: str


BLOCKS = [
    Block(text.count("\n", 0, found.start()) + 2, tuple(found["info"].split()), found["text"])
    for text in [PAGE.read_text(encoding="utf-8")]
    for found in FENCE.finditer(text)
]


def fits(shown: str, printed: str) -> bool:
    """Whether this was printed, where ``…`` stands for anything on its line, and alone for any lines."""
    pattern = "".join(
        "(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


def steps_of(*parts: str) -> list[tuple[Block, str | None]]:
    """The commands of some parts, in the page's order, and what it says they print."""
    following = [*BLOCKS[1:], None]
    return [
        (block, after.text if after is not None and after.words == ("text", "printed") else None)
        for block, after in zip(BLOCKS, following, strict=True)
        if block.words[0] == "sh" and block.words[1] in parts
    ]


def lacking(reason: str) -> NoReturn:
    """In CI a failure; elsewhere a machine that has other things to do."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Only where these are installed; CI runs it whatever it has."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(
        bool(missing) and not os.environ.get("CI"), reason=f"not installed: {', '.join(missing)}"
    )


class TestPage:
    def test_shows_nothing_that_is_not_tried(self):
        """A block is a command that is run, what it prints, or a part of a program that is run."""
        for block in BLOCKS:
            language, *words = block.words
            known = {
                "sh": words[0] in PARTS or words == ["by", "hand"],
                "text": words == ["printed"],
            }
            assert known.get(language, len(words) == 1 and (SOURCES / words[0]).is_file()), block

    def test_shows_the_programs_as_they_are(self):
        shown = [block for block in BLOCKS if block.words[0] not in {"sh", "text"}]
        assert {block.words[1] for block in shown} >= {
            "queries.graphql",
            "python/hotline.py",
            "typescript/hotline.ts",
        }
        for block in shown:
            assert block.text in (SOURCES / block.words[1]).read_text(encoding="utf-8"), block

    def test_asks_by_hand_for_what_the_tests_hand_over(self):
        """The reader copies from the demonstration what :func:`afternoon` takes from it."""
        typed = "".join(block.text for block in BLOCKS if block.words == ("sh", "by", "hand"))
        assert "make demo\n" in typed
        assert set(re.findall(r"export (\w+)=", typed)) == {
            "GZ_URL",
            "GZ_TOKEN",
            "GZ_DATA",
            "GZ_WORK",
            "PATH",
        }

    def test_says_what_each_program_prints(self):
        for part in PARTS[1:]:
            assert steps_of(part)[-1][1] is not None, part


class TestLocks:
    def test_name_no_host(self):
        lock = json.loads((SOURCES / "typescript" / "package-lock.json").read_text(encoding="utf-8"))
        for name, package in lock["packages"].items():
            assert "resolved" not in package, name
            assert name == "" or package["integrity"].startswith("sha512-"), name
        assert "://" not in (SOURCES / "python" / "requirements.txt").read_text(encoding="utf-8")

    def test_hold_what_the_clients_ask_for(self):
        lock = json.loads((SOURCES / "typescript" / "package-lock.json").read_text(encoding="utf-8"))
        package = json.loads((SOURCES / "typescript" / "package.json").read_text(encoding="utf-8"))
        assert lock["packages"][""]["devDependencies"] == package["devDependencies"]


@pytest.fixture
def afternoon(terminal, demonstration, tmp_path) -> Callable[[str], "Afternoon"]:
    """``afternoon("curl")``: a terminal in which the commands of this part have been run and looked at."""

    def spend(part: str) -> Afternoon:
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        typed = terminal(
            GZ_URL=demonstration.url,
            GZ_TOKEN=demonstration.token,
            GZ_DATA=demonstration.folder,
            GZ_WORK=str(tmp_path / "work"),
            PATH=path,
        )
        return Afternoon(typed, part)

    return spend


class Afternoon:
    """A terminal, and what has been tried in it."""

    def __init__(self, terminal, part: str) -> None:
        self._terminal = terminal
        self.steps = steps_of(part)
        self.spend("setup", part)

    def spend(self, *parts: str) -> None:
        """Try what the page shows in these parts."""
        for block, shown in steps_of(*parts):
            self.try_out(block.text, shown, where=block.line, installs="install" in block.words)

    def try_out(
        self, commands: str, shown: str | None, *, where: int | str = "again", installs: bool = False
    ) -> str:
        """Run commands and compare what they print with what is shown; answers what they complained about."""
        ran = self._terminal.run(commands)
        told = f"{PAGE.name}:{where}\n{commands}\nprinted:\n{ran.printed}\n{ran.complaints}"
        if ran.status and installs:
            lacking(f"packages could not be installed: {told}")
        assert ran.status == 0, told
        assert shown is None or fits(shown, ran.printed), f"{told}\nshown:\n{shown}"
        return ran.complaints


@pytest.mark.heavy
@pytest.mark.timeout(400)
class TestAfternoon:
    """Each client does what the page says; then it does it again where the budget is used up and an answer gets lost."""

    @needs("bash", "curl", "jq")
    def test_with_curl(self, afternoon, bad_line):
        spent = afternoon("curl")
        ticket = "12345-2026-000011"
        over = f"""GZ_URL={bad_line.url}
            ask "$GZ_DESK" 530425001006 OpenCase "$(jq '.key = "{ticket}"' "$GZ_WORK/dispute.json")" |
                jq .data.openMediationCase
        """
        [shown] = [text for _, text in steps_of("curl") if text and '"OpenMediationCaseSuccess"' in text]
        spent.try_out(over, shown)
        assert (bad_line.lost, 429 in bad_line.passed_on) == (ticket, True)
        spent.spend("end")

    @needs("bash", "python3")
    def test_with_a_generated_client_in_python(self, afternoon, bad_line):
        self._again(afternoon("python"), bad_line, "12345-2026-000002", "12345-2026-000012")

    @needs("bash", "node", "npm")
    def test_with_a_generated_client_in_typescript(self, afternoon, bad_line):
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.strip("v\n").split(".")[0]) < 20:
            lacking(f"Node 20 or later is needed, here is {version}")
        self._again(afternoon("typescript"), bad_line, "12345-2026-000003", "12345-2026-000013")

    @staticmethod
    def _again(spent: Afternoon, bad_line, ticket: str, other: str) -> None:
        """The part's last command for another ticket: what it prints is the same but for the ticket."""
        block, shown = spent.steps[-1]
        assert shown is not None
        over = f"GZ_URL={bad_line.url}\n{block.text}".replace(ticket, other)
        complaints = spent.try_out(over, shown.replace(ticket, other))
        assert re.fullmatch(r"(429: waiting \d s\n)+no answer: waiting 1 s\n", complaints)
        assert (bad_line.lost, 429 in bad_line.passed_on) == (other, True)
