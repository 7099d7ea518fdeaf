"""A server that misbehaves in every way we know of, and what must become of its clients.

Here the client is judged from the other end too: which close code came, who ended first, how long
it took, how much memory it cost. Each theme is a table: test_frames, test_close, test_time,
test_deflate and its kin, test_memory. `make attacks` prints the last as figures.
"""
