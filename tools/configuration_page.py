"""docs/configuration.md, written from the models that check the file: `python -m tools.configuration_page`."""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from runbook_lib.config.model import Migration
from tools import migration_schema

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"


def page() -> str:
    """The whole page."""
    head = (
        "# Configuration\n\nOne YAML file. Unknown or mistyped keys are errors that name the key, the file "
        "and the line.\n"
        "Written from the models in `runbook_lib/config/model.py` by `python -m tools.configuration_page`.\n\n"
        "| key | type | default | meaning |\n|---|---|---|---|\n"
    )
    return head + "".join(f"| `{k}` | {t} | {d} | {m} |\n" for k, t, d, m in rows(Migration, ""))


def rows(
    model: type[BaseModel], prefix: str, above: tuple[type[BaseModel], ...] = ()
) -> list[tuple[str, str, str, str]]:
    """Key, type, default and meaning of every setting of a model; one that holds itself again is listed once."""
    found = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        inner = next((a for a in (field.annotation, *get_args(field.annotation)) if _is_section(a)), None)
        if inner in above or inner is model:
            found.append((key, "as above", _default(field), field.description or ""))
        elif inner is not None:
            found += rows(inner, key + ".", (*above, model))
        else:
            found.append((key, _type(field.annotation), _default(field), field.description or ""))
    return found


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _type(annotation: Any) -> str:
    annotation = _plain(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join("None" if part is NoneType else _type(part) for part in get_args(annotation))
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    for noise in ("typing.", "datetime."):
        text = text.replace(noise, "")
    return text.replace("|", "or").replace("Literal", "one of ")


def _plain(annotation: Any) -> Any:
    """A type without what else is asked of its values."""
    if hasattr(annotation, "__metadata__"):
        return _plain(annotation.__origin__)
    if get_origin(annotation) in (list, dict):
        return get_origin(annotation)[tuple(map(_plain, get_args(annotation)))]
    if get_origin(annotation) in (Union, UnionType):
        return reduce(or_, map(_plain, get_args(annotation)))
    return annotation


def _default(field: Any) -> str:
    value = field.default_factory() if field.default_factory else field.default
    return "required" if value is PydanticUndefined else f"`{value!r}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    migration_schema.FILE.write_text(migration_schema.text(), encoding="utf-8")
