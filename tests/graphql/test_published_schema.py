"""The schema that integrators rely on is a file; it changes when somebody means it to."""

from pathlib import Path

from click.testing import CliRunner

from gongzhi.graphql.commands import schema as commands
from gongzhi.graphql.schema import build_schema

PUBLISHED = Path(__file__).with_name("schema.graphql")
HOW = "the schema changed; if that is meant, run: .venv/bin/gongzhi schema export --output tests/graphql/schema.graphql"


class TestPublishedSchema:
    def test_is_what_is_served(self, kernel):
        assert PUBLISHED.read_text(encoding="utf-8") == build_schema(kernel.plugins).as_str() + "\n", HOW

    def test_is_the_same_each_time_it_is_built(self, kernel):
        """Nothing in it hangs on the order of a set or on what was built before."""
        assert build_schema(kernel.plugins).as_str() == build_schema(kernel.plugins).as_str()


class TestExport:
    def test_prints_the_schema(self):
        printed = CliRunner().invoke(commands, ["export"])
        assert (printed.exit_code, printed.output) == (0, PUBLISHED.read_text(encoding="utf-8"))

    def test_writes_the_schema_to_a_file(self, tmp_path):
        file = tmp_path / "schema.graphql"
        written = CliRunner().invoke(commands, ["export", "--output", str(file)])
        assert (written.exit_code, written.output) == (0, "")
        assert file.read_text(encoding="utf-8") == PUBLISHED.read_text(encoding="utf-8")
