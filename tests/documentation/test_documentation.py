"""What users read: docstrings where they look, and the same ones in the stub."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import aiowebsocket
from aiowebsocket import _core

STUB = Path(aiowebsocket.__file__).with_name("_core.pyi")


def stub_docstrings() -> dict[str, str]:
    found = {}
    for statement in ast.parse(STUB.read_text("utf-8")).body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = ast.get_docstring(statement)
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    found[f"{statement.name}.{member.name}"] = ast.get_docstring(member)
    return {name: docstring for name, docstring in found.items() if docstring}


@pytest.mark.parametrize("name", sorted(stub_docstrings()))
def test_the_stub_and_the_engine_have_the_same_docstring(name: str) -> None:
    class_name, _, member = name.partition(".")
    documented = getattr(_core, class_name)
    if member:
        documented = getattr(documented, member)
    assert inspect.getdoc(documented) == stub_docstrings()[name]


@pytest.mark.parametrize("name", aiowebsocket.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    public = getattr(aiowebsocket, name)
    if inspect.isclass(public):
        assert public.__doc__
        for member, value in inspect.getmembers(public):
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"


def test_help_tells_how_to_use_the_original_face() -> None:
    text = inspect.getdoc(aiowebsocket.AioWebSocket) or ""
    for word in ("async with", "manipulator", "receive", "timeout", "max_size"):
        assert word in text


ROOT = Path(__file__).parents[2]
PROOF = re.compile(r"`([\w/]+\.(?:py|rs))::(\w+)(?:\[([^\]`]+)\])?`")


def proofs() -> list[tuple[str, str, str]]:
    rules = ROOT / "docs" / "rules.md"
    return sorted(set(PROOF.findall(rules.read_text("utf-8")))) if rules.exists() else []


@pytest.mark.skipif(not proofs(), reason="the documents are not beside the tests")
def test_every_test_that_the_rules_name_exists() -> None:
    missing = []
    for path, name, case in proofs():
        found = [each for folder in ("tests", "src") for each in (ROOT / folder).rglob(path)]
        files = [each for each in found if ".cache" not in each.parts]
        files = [ROOT / path] if (ROOT / path).is_file() else files
        text = files[0].read_text("utf-8") if len(files) == 1 else ""
        defined = re.search(rf"(?:def|fn) {name}\b", text)
        if not defined or f'"{case}' not in text + '"':
            missing.append(f"{path}::{name}[{case}]")
    assert missing == []
