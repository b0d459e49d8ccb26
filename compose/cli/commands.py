"""Commands whose help begins with examples, and a group that knows what a misspelt command meant."""

import click

from compose.diagnostics import nearest

__all__ = ["Command", "Commands", "Settings"]

Settings = tuple[str, ...]
"""What `--set` was given: texts such as `stages.0.epochs=20`."""


class Command(click.Command):
    """A command whose docstring, its examples first, comes before its usage."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, usage, options."""
        _examples_first(self, ctx, formatter)


class Commands(click.Group):
    """The group of all commands."""

    command_class = Command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, usage, commands."""
        _examples_first(self, ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are declared, which is that of a day's work."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command named; the nearest one is proposed for a name that there is none of."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.commands:
            near = nearest(name, self.commands)
            ctx.fail(f"there is no command `{name}`" + (f"; did you mean `compose {near}`?" if near else ""))
        return super().resolve_command(ctx, args)


def _examples_first(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    command.format_help_text(ctx, formatter)
    formatter.write_paragraph()
    command.format_usage(ctx, formatter)
    command.format_options(ctx, formatter)
