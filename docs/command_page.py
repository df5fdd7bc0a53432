"""The page of the command's help, for docs/pages.py: argparse's own texts, laid out so that a browser wraps them.

Input: the command line's parser. Output: Markdown, with a heading for each subcommand.
"""

import argparse
import os
import re
import textwrap
from collections.abc import Iterator
from html import escape

from pipeline.cli.arguments import STATUSES
from pipeline.cli.main import make_parser

WIDTH = 84  # characters of a line of code: no box scrolls on a desktop's screen


def commands_page() -> str:
    """Return the help of the command and of every subcommand."""
    os.environ["COLUMNS"] = str(WIDTH)  # argparse's width, whatever terminal builds the page
    parser = make_parser()
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    blocks = ["# Commands", *_help(parser)]
    for name, command in action.choices.items():
        blocks += [f"## {name}", *_help(command)]
    blocks += ["## Exit status", f"<p>{marked(STATUSES.removeprefix('exit status: '))}</p>"]
    return "\n\n".join(blocks) + "\n"


def marked(text: str) -> str:
    """Return a line of plain text as HTML, its words in backticks as code."""
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text, quote=False))


def _help(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the blocks of a parser's help, in the terminal's order; all commands share the exit statuses."""
    for paragraph in (parser.description or "").split("\n\n"):
        yield f"<p>{marked(paragraph)}</p>"
    yield f"```text\n{parser.format_usage().removeprefix('usage: ')}```"
    formatter = parser._get_formatter()
    for group in parser._action_groups:
        rows = [
            f"<div><dt>{_name(formatter, action)}</dt><dd>{marked(formatter._expand_help(action))}</dd></div>"
            for listed in group._group_actions
            for action in (listed, *formatter._iter_indented_subactions(listed))
            if action.help
        ]
        if rows:
            yield "\n".join(['<dl class="flags">', *rows, "</dl>"])
    about, _, examples = (parser.epilog or "").removesuffix(STATUSES).strip().partition("examples:\n")
    if about:
        yield f"<p>{marked(about)}</p>"
    if examples:
        yield "\n".join(["```sh", *map(_continued, examples.splitlines()), "```"])


def _continued(line: str) -> str:
    """Return a line of the shell on as many lines as a page has room for."""
    lines = textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return " \\\n".join(lines).strip()


def _name(formatter: argparse.HelpFormatter, action: argparse.Action) -> str:
    """Return a flag with its value as code; a subcommand, as a link to its heading."""
    name = f"<code>{escape(formatter._format_action_invocation(action))}</code>"
    is_command = not action.option_strings and type(action).__name__ == "_ChoicesPseudoAction"
    return f'<a href="#{action.dest}">{name}</a>' if is_command else name
