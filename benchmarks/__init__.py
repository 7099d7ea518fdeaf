"""Measurements of aiowebsocket beside other clients; run from the repository: `make bench`."""
