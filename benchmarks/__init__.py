"""aiowebsocket beside other clients: `make bench`, or `python -m benchmarks --help`.

peers/      who is measured: a short file each, all through the same jobs
workloads/  what is measured: a file a family
method/     how: turns in interleaved rounds, pinned, timed, recorded
page/       RESULTS.md, its plots and its verdicts, from the recorded samples
limits.md   what explains a limit: written by hand, put into the page
server/     the other end, and the floor without Python (Rust)
engine/, deflate/  the engine's parts, and implementations of zlib, by themselves (Rust)
"""
