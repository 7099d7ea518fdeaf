"""The proxies that the environment names, or the system: which names what, not which one is taken.

Lower case counts before upper case, as everywhere; where the program runs as a CGI script,
`HTTP_PROXY` is a header of its client's and names no proxy.
"""

import os
import sys

__all__ = ["named_proxies"]

_SCHEMES = ("ws", "wss", "socks", "https", "http", "all", "no")
_NAMES = {name for scheme in _SCHEMES for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())}


def named_proxies() -> dict[str, str]:
    """Give the URL of a proxy for each scheme that has one, and as `no` who is asked directly."""
    # One walk over all there is: to ask for fourteen that are not there takes longer.
    there = _NAMES.intersection(os.environ)
    proxies = {}
    for scheme in _SCHEMES if there else ():
        name = f"{scheme}_proxy"
        if name not in there:
            name = name.upper()
            if scheme == "http" and "REQUEST_METHOD" in os.environ:
                continue
        if name in there and (value := os.environ.get(name)):
            proxies[scheme] = value
    if proxies.keys() <= {"no"} and sys.platform in {"darwin", "win32"}:
        return _of_the_system() | proxies
    return proxies


def _of_the_system() -> dict[str, str]:
    """Give what macOS and Windows have in their settings, exceptions included."""
    import urllib.request  # noqa: PLC0415 - the import costs more than opening a connection

    proxies = {
        scheme: value
        for scheme, value in urllib.request.getproxies().items()
        if scheme in _SCHEMES and value
    }
    return proxies | {"no": ",".join(_exceptions_of_the_system())}


def _exceptions_of_the_system() -> list[str]:
    if sys.platform == "darwin":
        from _scproxy import _get_proxy_settings  # noqa: PLC0415

        return list(_get_proxy_settings().get("exceptions", ()))
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415

        path = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as settings:
                exceptions = str(winreg.QueryValueEx(settings, "ProxyOverride")[0])
        except OSError:
            return []
        return [entry for entry in exceptions.split(";") if entry != "<local>"]
    return []
