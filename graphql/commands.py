"""``gongzhi schema …``: the published schema as a file."""

import sys

import click

from gongzhi.core.api import Plugins
from gongzhi.graphql.schema import build_schema


@click.group(help="The GraphQL schema (数据接口结构).")
def schema() -> None:
    """The GraphQL schema."""


@schema.command(help="Print the schema of everything installed, or write it to a file (导出).")
@click.option(
    "--output", type=click.Path(dir_okay=False), help="The file to write; standard output otherwise."
)
def export(output: str | None) -> None:
    """Print or write the SDL."""
    text = build_schema(Plugins.installed()).as_str() + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        with click.open_file(output, "w", encoding="utf-8") as file:
            file.write(text)
