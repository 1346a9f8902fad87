"""JSON schemas of models whose fields are described by the docstrings that stand under them.

Pydantic's `use_attribute_docstrings` does the same when a class is made, for seconds of every start; a
document is made once, if at all.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

Schema = dict[str, Any]
TEMPLATE = "#/components/schemas/{model}"


class Described(GenerateJsonSchema):
    """Adds to each field of a model its docstring, before what its type says of itself."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        made = super().model_schema(schema)
        properties = made.get("properties", {})
        for name, words in _described(schema["cls"]).items():
            if name in properties:
                of_type = properties[name].get("description", "")
                properties[name]["description"] = f"{words} {of_type}".strip()
        return made


def schema_of(of: Any, mode: JsonSchemaMode = "validation") -> Schema:
    """The schema of a model or type, for a document with `components`; definitions stand in `$defs`."""
    return TypeAdapter(of).json_schema(mode=mode, ref_template=TEMPLATE, schema_generator=Described)


def _described(cls: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, BaseModel) and base.__module__ in sys.modules:
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return found


@functools.cache
def _of_module(module: str) -> dict[str, dict[str, str]]:
    """The docstrings under the fields of every class of a module."""
    if not module.startswith(("shared.", "services.")):
        return {}
    classes = [
        n for n in ast.parse(inspect.getsource(sys.modules[module])).body if isinstance(n, ast.ClassDef)
    ]
    return {cls.name: dict(_under_fields(cls.body)) for cls in classes}


def _under_fields(body: list[ast.stmt]) -> list[tuple[str, str]]:
    told = []
    for field, below in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            told.append((field.target.id, " ".join(str(below.value.value).split())))
    return told
