"""The other ends that the tests talk to: a raw-byte peer and real servers that we did not write."""
