"""GraphiQL's files: complete, licensed, and asking no host but their own for anything."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "graphql" / "graphiql"
SCRIPTS = sorted(FOLDER.glob("*.js"))
STYLES = sorted(FOLDER.glob("*.css"))


class _Page(HTMLParser):
    """What the page refers to, and what it would run inline."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        self.inline += [
            f"{name}={value}" for name, value in attrs if name.startswith("on") or name == "style"
        ]

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def page() -> _Page:
    parsed = _Page()
    parsed.feed((FOLDER / "index.html").read_text(encoding="utf-8"))
    return parsed


class TestPage:
    def test_refers_only_to_files_beside_it(self, page: _Page) -> None:
        """A missing file is an empty page; a foreign one is a closed network's empty page."""
        files = [reference for reference in page.references if not reference.startswith("data:")]
        assert len(files) == 6
        for reference in files:
            assert reference.startswith("/graphiql/")
            assert (FOLDER / reference.removeprefix("/graphiql/")).is_file()

    def test_runs_nothing_inline(self, page: _Page) -> None:
        assert page.inline == []

    def test_is_named_in_both_languages(self) -> None:
        assert "<title>共治 gongzhi · GraphiQL</title>" in (FOLDER / "index.html").read_text(encoding="utf-8")

    def test_says_in_both_languages_that_it_needs_scripts(self) -> None:
        html = (FOLDER / "index.html").read_text(encoding="utf-8")
        assert "本页需要 JavaScript" in html
        assert "This page needs JavaScript" in html


class TestScripts:
    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
    def test_point_to_no_source_map(self, script: Path) -> None:
        """Browsers fetch what is named so."""
        assert "sourceMappingURL" not in script.read_text(encoding="utf-8")

    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
    def test_neither_evaluate_text_nor_load_more(self, script: Path) -> None:
        """The policy forbids eval; workers and late imports would come from elsewhere."""
        forbidden = r"\beval\(|new Function\(|importScripts\(|new (?:Shared)?Worker\(|\bimport\("
        assert re.findall(forbidden, script.read_text(encoding="utf-8")) == []

    def test_of_ours_name_no_host(self) -> None:
        assert "://" not in (FOLDER / "start.js").read_text(encoding="utf-8")

    def test_of_ours_keep_no_token(self) -> None:
        """GraphiQL's history writes the headers into storage unless they are taken out."""
        text = (FOLDER / "start.js").read_text(encoding="utf-8")
        assert "shouldPersistHeaders: false" in text
        assert 'key === "headers" ? null' in text
        assert "localStorage" not in text


class TestStyles:
    @pytest.mark.parametrize("style", STYLES, ids=lambda path: path.name)
    def test_load_no_font_and_no_other_file(self, style: Path) -> None:
        text = style.read_text(encoding="utf-8")
        assert "@font-face" not in text
        assert "@import" not in text
        assert "sourceMappingURL" not in text
        assert all(target.startswith("data:image/") for target in re.findall(r"url\(['\"]?([^)]*)", text))


class TestFolder:
    def test_is_no_package(self) -> None:
        """A package called graphql in the checkout would hide graphql-core."""
        assert list(FOLDER.parent.rglob("__init__.py")) == []

    def test_stays_small(self) -> None:
        """What a browser loads, in bytes before compression."""
        loaded = [FOLDER / "index.html", *SCRIPTS, *STYLES]
        assert sum(file.stat().st_size for file in loaded) < 1_500_000

    @pytest.mark.parametrize("package", ["graphiql", "react", "react-dom", "bundled"])
    def test_carries_the_licence_of(self, package: str) -> None:
        text = (FOLDER / f"LICENSE-{package}.txt").read_text(encoding="utf-8")
        assert "Permission is hereby granted, free of charge" in text

    def test_says_which_versions_it_holds(self) -> None:
        script = (FOLDER / "refresh.sh").read_text(encoding="utf-8")
        readme = (FOLDER / "README.md").read_text(encoding="utf-8")
        [graphiql] = re.findall(r"^GRAPHIQL=(.+)$", script, re.MULTILINE)
        [react] = re.findall(r"^REACT=(.+)$", script, re.MULTILINE)
        assert f"graphiql {graphiql}" in readme
        assert f"react-dom {react}" in readme
        assert f'"{react}"' in (FOLDER / "react.production.min.js").read_text(encoding="utf-8")
