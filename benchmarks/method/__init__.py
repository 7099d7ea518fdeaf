"""How it is measured: turns in interleaved rounds, pinned, timed, recorded. It knows no peer."""
