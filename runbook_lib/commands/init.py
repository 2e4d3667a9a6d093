"""`runbook init`: ask what a migration cannot do without, and write a commented migration file that is valid."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click

from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="migration.yaml", is_eager=True,
                callback=lambda context, parameter, file: _new(file))  # fmt: skip
@click.option("--name", prompt="Name of the migration", default="my-migration", help="Names the runs.")
@click.option("--source-region", prompt="Region of the source", default="us-east-1", help="Where the tables are.")
@click.option("--source-profile", prompt="AWS profile that reads the source (empty: the default)", default="",
              help="Profile of the AWS credential chain.")  # fmt: skip
@click.option("--tables", prompt="Tables (names or globs)", default="*", help="Names or globs, separated by commas.")
@click.option("--target-region", prompt="Region of the target", default="us-east-2", help="Where they go.")
@click.option("--target-profile", prompt="AWS profile that writes the target (empty: the default)", default="",
              help="Profile of the AWS credential chain.")  # fmt: skip
@click.option(
    "--to",
    prompt="New names, with {name} for what the star of a single glob such as orders-* stands for, else for the whole "
    "old name (empty: the same names)",
    default="",
    help="Pattern for the new names, containing {name}: what the star at the end of a single glob stands for, else "
    "the whole old name.",
)
@click.option(
    "--bucket",
    prompt="Bucket for the exports, in the target's region",
    help="S3 bucket for the exports; it has to be there.",
)
def init(file: Path, **given: Any) -> int:
    """Ask for regions, tables and bucket, and write the commented migration file FILE."""
    from runbook_lib.commands.starter import Answers, starter
    from runbook_lib.paths import migration_schema

    given = {name: str(value).strip() for name, value in given.items()}
    tables = tuple(glob.strip() for glob in given.pop("tables").split(",") if glob.strip())
    answers = Answers(tables=tables, **given)
    sides = [(answers.source_region, answers.source_profile), (answers.target_region, answers.target_profile)]
    if sides[0] == sides[1] and not answers.to:
        raise ConfigError("--to: source and target are the same tables; give new names, another region or profile")
    if answers.to and not answers.names_apart:
        raise ConfigError(
            f"--to: expected {{name}} in the new names of {', '.join(answers.tables)}, found {answers.to!r}, which is "
            "one name for all of them; give a pattern such as '{name}-dev'"
        )
    _write(file, starter(answers, _relative(migration_schema(), file)))
    say(f"wrote {file}; next: runbook run {file}, which writes nothing to the target")
    return 0


def _new(file: Path) -> Path:
    """The file, before anybody is asked anything; raises ConfigError if it is there."""
    if file.exists():
        raise ConfigError(f"{file} exists already and stays as it is; name another file")
    return file


def _write(file: Path, text: str) -> None:
    """Put a file in place that a run would accept, or raise ConfigError and leave nothing."""
    from runbook_lib.atomic_files import prepare
    from runbook_lib.config.model import load_config

    if not file.absolute().parent.is_dir():
        raise ConfigError(f"{file}: expected a folder that is there, found no {file.parent}")
    prepared = prepare(file, text)
    try:
        load_config(prepared.temporary)
        os.link(prepared.temporary, file)  # never over another file
    except ConfigError as error:
        told = re.sub(rf"^{re.escape(str(prepared.temporary))}(:\d+)?: ", "", str(error), flags=re.MULTILINE)
        raise ConfigError(f"{told}; no file was written") from None
    except FileExistsError:
        raise ConfigError(f"{file} exists already and stays as it is; name another file") from None
    finally:
        prepared.discard()


def _relative(schema: Path, file: Path) -> str:
    """Where the schema lies as seen from the file, so that a checkout can be moved with what is in it."""
    return Path(os.path.relpath(schema, file.absolute().parent)).as_posix()
