"""Runs both faces of the package against the fuzzing server of the Autobahn testsuite."""
