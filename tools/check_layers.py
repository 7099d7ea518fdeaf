"""Whether each layer names only what it may: ARCHITECTURE.md's table, as a check.

Cargo's features prove that a layer builds without the ones above; this proves what features cannot
see: sockets and clocks in the engine, a lock, a file that has outgrown its idea, unsafe code
outside src/python.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_LIMIT = 500
PACKAGE = Path("python/aiowebsocket")


class Rule(NamedTuple):
    """A pattern that a folder's code may not hold, and the word for it in a complaint."""

    folder: str
    pattern: str
    what: str
    except_in: str = ""


SOCKETS = r"\b(?:std|core)::net\b|\bsocket2\b|\b(?:Tcp|Udp|Unix)(?:Stream|Listener|Socket)\b"
CLOCKS = r"\b(?:Instant|SystemTime)::now\b|\.elapsed\(\)|\bstd::time::SystemTime\b"
RANDOMNESS = r"\brand::|\bgetrandom\b|\bOsRng\b|\bRandomState\b"
THREADS = r"\bstd::thread\b|\bthread::(?:spawn|sleep|scope)\b|\bthread_local!"
LOCKS = r"\b(?:Mutex|RwLock|Condvar|OnceLock|LazyLock|Atomic\w+)\b|\bsync::atomic\b"
SYSTEM = r"\bstd::(?:fs|env|process|os)\b|\bio::std(?:in|out|err)\b|\be?println!"
ENVIRONMENT = r"\benv::|\bstd::env\b|\bgetenv\b|\bload_native_certs\b|\bopenssl_probe\b"
TLS = r"\b(?:tokio_)?rustls\b"

RULES = (
    Rule("src/protocol", r"\bpyo3\b", "pyo3"),
    Rule("src/protocol", r"\btokio\w*\b", "tokio"),
    Rule("src/protocol", TLS, "rustls"),
    Rule("src/protocol", SOCKETS, "sockets"),
    Rule("src/protocol", CLOCKS, "a clock"),
    Rule("src/protocol", RANDOMNESS, "the system's randomness"),
    Rule("src/protocol", THREADS, "threads", except_in="protocol/work"),  # a fuzzer's count
    Rule("src/protocol", LOCKS, "locks"),
    Rule("src/protocol", SYSTEM, "the operating system"),
    Rule("src/protocol", r"\bcrate::(?:drive|connect|python)\b", "a layer above it"),
    Rule("src/drive", r"\bpyo3\w*\b", "pyo3"),
    Rule("src/drive", r"\bcrate::(?:connect|python)\b", "a layer above it"),
    Rule("src/drive", r"\btokio::", "tokio", except_in="lifeline"),
    Rule(
        "src/drive/lifeline",
        r"\b(?:drive|super)::(?:link|open|service|senders|landing|stream)\b",
        "what it serves",
    ),
    Rule(
        "src/drive",
        r"\b(?:drive|super)::link\b",
        "the door",
        except_in="drive/link",
    ),
    Rule("src/connect", r"\bpyo3\w*\b", "pyo3"),
    Rule("src/connect", r"\bcrate::python\b", "the layer above it"),
    # C's environment may change whenever nobody holds the GIL.
    Rule("src/drive", ENVIRONMENT, "the environment"),
    Rule("src/connect", ENVIRONMENT, "the environment", except_in="tls/installed"),
    Rule("src/python", r"\b[Oo]p[Cc]ode\b|\bprotocol::(?:frame|mask)\b", "a rule of the protocol"),
    Rule("src/", r"\bunsafe\b", "unsafe code", except_in="src/python/"),
)
# The rooms of src/python, in order: each may name those before it, and none behind it.
ROOMS = ("values", "waiting", "asyncio", "awaitable", "opening", "faces")
FORBIDS_UNSAFE = ("src/protocol", "src/drive", "src/connect")

TEST_MODULE = re.compile(r"^#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod tests", re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*            # a comment to the end of the line
    |/\*.*?\*/              # a comment in the middle
    |b?r(\#*)".*?"\1        # a raw string
    |b?"(?:\\.|[^"\\])*"    # a string
    |b?'(?:\\[^']+|[^'\\])' # a character, which may be a quote
    """,
    re.VERBOSE | re.DOTALL,
)


def main() -> int:
    """Prints what is wrong, a line each."""
    complaints = [*rust_complaints(), *python_complaints()]
    for complaint in complaints:
        print(complaint)
    print("The layers name what they may not." if complaints else "The layers are in order.")
    return 1 if complaints else 0


def rust_complaints() -> Iterator[str]:
    """What is wrong in src."""
    for path in sorted(Path("src").rglob("*.rs")):
        text = path.read_text(encoding="utf-8")
        name = path.as_posix()
        yield from outgrown(name, text)
        if not text.startswith("//!"):
            yield f"{name}:1: does not open with what it is for"
        code = without_tests(without_words(text))
        for rule in RULES:
            if name.startswith(rule.folder) and not (rule.except_in and rule.except_in in name):
                for match in re.finditer(rule.pattern, code):
                    line = code.count("\n", 0, match.start()) + 1
                    yield f"{name}:{line}: names {rule.what}: {match[0]}"
    yield from room_complaints()
    for folder in FORBIDS_UNSAFE:
        root = Path(folder, "mod.rs")
        if root.exists() and "#![forbid(unsafe_code)]" not in root.read_text(encoding="utf-8"):
            yield f"{root.as_posix()}:1: does not forbid unsafe code"


def room_complaints() -> Iterator[str]:
    """A room of src/python that names one behind it, or that stands in no order."""
    folder = Path("src/python")
    for path in sorted(folder.rglob("*.rs")):
        room = path.relative_to(folder).parts[0]
        if room == "mod.rs":
            continue
        if room not in ROOMS:
            yield f"{path.as_posix()}:1: {room} is no room that tools/check_layers.py knows"
            continue
        behind = ROOMS[ROOMS.index(room) + 1 :]
        code = without_words(path.read_text(encoding="utf-8"))
        for match in re.finditer(r"\bcrate::python::(?:\{[^}]*\}|\w+)", code):
            for named in re.findall(r"\w+", match[0])[2:]:
                if named in behind:
                    line = code.count("\n", 0, match.start()) + 1
                    yield f"{path.as_posix()}:{line}: {room} names {named}, which is behind it"


def outgrown(name: str, text: str) -> Iterator[str]:
    """A file over the limit is two ideas."""
    lines = text.count("\n")
    if lines > FILE_LIMIT:
        yield f"{name}: {lines} lines, over {FILE_LIMIT}"


def without_words(text: str) -> str:
    """The code with comments and strings blanked, line for line."""
    return COMMENT_OR_STRING.sub(lambda match: "\n" * match[0].count("\n"), text)


def without_tests(code: str) -> str:
    """The code before its test module, which stands at the bottom and may name what it likes."""
    return TEST_MODULE.split(code, maxsplit=1)[0]


def python_complaints() -> Iterator[str]:
    """What is wrong in the package: only `_core` and the standard library, and no sockets."""
    for path in sorted([*Path("python").rglob("*.py"), *Path("python").rglob("*.pyi")]):
        text = path.read_text(encoding="utf-8")
        name = path.as_posix()
        yield from outgrown(name, text)
        for node in ast.walk(ast.parse(text)):
            for what in forbidden_in(node):
                # A stub is never imported, and every type checker knows this module.
                if path.suffix == ".pyi" and what.endswith(" typing_extensions"):
                    continue
                yield f"{name}:{getattr(node, 'lineno', 1)}: names {what}"


def forbidden_in(node: ast.AST) -> Iterator[str]:
    """What this node names and may not."""
    modules: list[str] = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        modules = [node.module or ""]
    for module in modules:
        if module.startswith("asyncio.") or module == "_asyncio":
            yield f"asyncio's internals: {module}"
        elif module.split(".")[0] not in {*sys.stdlib_module_names, "aiowebsocket"}:
            yield f"a package that it does not depend on: {module}"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        whole = f"{node.value.id}.{node.attr}"
        if whole in {"socket.create_connection", "socket.socketpair", "socket.create_server"}:
            yield f"sockets: {whole}"
        if node.value.id == "asyncio" and node.attr.startswith("_"):
            yield f"asyncio's internals: {whole}"


if __name__ == "__main__":
    sys.exit(main())
