"""Unix sockets: `ws+unix:///run/app.sock:/resource`, and what goes with `unix=True`."""

from typing import Any

__all__ = ["UNIX_URI", "located"]

# What is asked for on a Unix socket where nothing is said.
UNIX_URI = {False: "ws://localhost/", True: "wss://localhost/"}
_TCP_ONLY = ("host", "port", "local_addr")


def located(uri: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the URI to ask for and the options, with the path that the URI names among them."""
    scheme, separator, rest = uri.strip(" ").partition("://")
    if separator and scheme.lower() in {"ws+unix", "wss+unix"}:
        if options["path"] is not None or options["sock"] is not None:
            raise ValueError(f"path and sock have no meaning with a URI that is {scheme}://")
        path, _, resource = rest.partition(":")
        if not path.startswith("/") or (resource and resource[0] not in "/?"):
            raise ValueError(
                f"a URI that is {scheme}:// is followed by an absolute path, and behind a colon by"
                " the resource, as in ws+unix:///run/app.sock:/resource"
            )
        from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - few have such a URI

        uri = UNIX_URI[scheme.lower() == "wss+unix"].rstrip("/") + (resource or "/")
        options = options | {"unix": True, "path": unquote_to_bytes(path)}
    _check(options)
    return uri, options


def _check(options: dict[str, Any]) -> None:
    if not options["unix"]:
        if options["path"] is not None:
            raise ValueError("path is for unix=True")
        if options["sock"] is not None:
            _refuse(options, "sock")
        return
    if (options["path"] is None) == (options["sock"] is None):
        raise ValueError("unix=True needs a path or a sock, and not both")
    _refuse(options, "unix")


def _refuse(options: dict[str, Any], other: str) -> None:
    given = [name for name in _TCP_ONLY if options[name] is not None]
    if isinstance(options["proxy"], str):
        given.append("proxy")
    if given:
        raise ValueError(f"{given[0]} has no meaning with {other}, which leads to one server")
