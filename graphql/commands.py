"""``gongzhi schema …``: the published schema, what changed in it, and the errors it answers."""

import sys
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from gongzhi.core.api import Plugins, Refusal, today
from gongzhi.graphql.changes import HOME, RELEASED, Comparison, Notes, changelog, compare, told
from gongzhi.graphql.changes import release as release_to
from gongzhi.graphql.error_reference import error_reference
from gongzhi.graphql.explain import SCOPES, Explainer, told_of
from gongzhi.graphql.schema import build_schema


class BaselineUnfit(Refusal):
    """The last released schema, or the notes on what changed since, can't be read."""

    code = "SCHEMA_BASELINE_UNFIT"
    zh = "无法读取已发布的结构或变更说明：{problem}；首次使用请先运行 gongzhi schema release"
    en = "The released schema or the notes on it can't be read: {problem}; the first time, run gongzhi schema release"


@click.group(help="The GraphQL schema (数据接口结构).")
def schema() -> None:
    """The GraphQL schema."""


_output = click.option(
    "--output", type=click.Path(dir_okay=False), help="The file to write; standard output otherwise."
)
_folder = click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=HOME,
    help="Where released.graphql and changes.toml lie; the platform's own unless told.",
)


@schema.command(help="Print the schema of everything installed, or write it to a file (导出).")
@_output
def export(output: str | None) -> None:
    """Print or write the SDL."""
    _write(_served(), output)


@schema.command(help="What changed since the last release; exits with 1 when a note is missing (比较变更).")
@_folder
def diff(folder: Path) -> None:
    """Compare with the released schema."""
    comparison = _comparison(folder)
    sys.stdout.write(told(comparison, today()))
    if comparison.amiss(today()):
        sys.exit(1)


@schema.command(
    help="Make the schema that is served the released one, and print what CHANGELOG.md says (发布)."
)
@_folder
def release(folder: Path) -> None:
    """Move the baseline on; nothing is written while anything is amiss."""
    if (folder / RELEASED).exists():
        comparison = _comparison(folder)
        if comparison.amiss(today()):
            sys.stdout.write(told(comparison, today()))
            sys.exit(1)
        sys.stdout.write(changelog(comparison))
    release_to(folder, _served(), today=today())


@schema.command(help="Print the reference of all errors, or write it to a file (错误代码).")
@_output
def errors(output: str | None) -> None:
    """Print or write docs/errors.md."""
    _write(error_reference(Plugins.installed()), output)


def _served() -> str:
    return build_schema(Plugins.installed()).as_str() + "\n"


def _comparison(folder: Path) -> Comparison:
    """:raises BaselineUnfit: a file is missing or broken."""
    try:
        released = (folder / RELEASED).read_text(encoding="utf-8")
        return compare(released, _served(), Notes.read(folder), today=today())
    except (OSError, msgspec.DecodeError) as error:
        raise BaselineUnfit(problem=str(error)) from error


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        with click.open_file(output, "w", encoding="utf-8") as file:
            file.write(text)


@schema.command(
    help="Show how a document is answered, what it costs and needs, and what falls back (解释查询)."
)
@click.argument("document", type=click.File(encoding="utf-8"))
@click.option("--scope", type=click.Choice(list(SCOPES)), default="community", help="The kind of scope.")
@click.option("--variables", default="{}", help="The variables, as a JSON object.")
@click.option("--operation", help="The operation's name, where the document has several.")
def explain(document: TextIO, scope: str, variables: str, operation: str | None) -> None:
    """Explain a document ("-" reads standard input); exits with 1 when the plain executor has to answer it."""
    try:
        told = msgspec.json.decode(variables, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"变量须为 JSON 对象 a JSON object is needed: {error}") from error
    explained = Explainer(Plugins.installed()).explain(document.read(), told, scope, operation)
    click.echo(told_of(explained))
    if explained.falls_back:
        sys.exit(1)
