"""One agent's way through its cases: a face of the package, on plain TCP or on TLS.

Talks to the fuzzing server as its documents ask: one connection a case, and one that waits until
the case's result is filed. Knows nothing of other runs' results.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import aiowebsocket

from .echoing import FACES
from .results import Finding, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from peers.process import ServerProcess

# The server ends every case by itself, the slowest after 1,000 seconds; a face that still hangs
# then is at fault.
CASE_LIMIT = 1020.0
FILING_LIMIT = 20.0
REPORTS_LIMIT = 300.0


class Trial:
    """A face, a scheme and a server of their own.

    Attributes:
        agent: What the server and the file of results call it.
        findings: What became of each case, in the order in which they ran.
        seconds: How long each section took.
    """

    def __init__(
        self,
        agent: str,
        face: str,
        scheme: str,
        server: ServerProcess,
        outdir: Path,
        tls: aiowebsocket.TLSConfig | None,
    ) -> None:
        self.agent = agent
        self.findings: dict[str, Finding] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._echo = FACES[face]
        self._tls = tls
        self._outdir = outdir
        self._server = server
        self._scheme = scheme
        self._failures: dict[str, str] = {}

    async def run(self) -> None:
        """Run every case, then read what the server says of them."""
        cases: list[str] = json.loads((self._outdir / "cases.json").read_text())
        section = ""
        for case in cases:
            if case.partition(".")[0] != section:
                self._tell_progress(section)
                section = case.partition(".")[0]
            began = time.monotonic()
            await self._run_case(case)
            self.seconds[section] += time.monotonic() - began
        self._tell_progress(section)
        await self._ask("updateReports", "", REPORTS_LIMIT)
        self._read_reports(cases)

    async def _run_case(self, case: str) -> None:
        try:
            echo = self._echo(self._uri("runCase", case), case, self._tls)
            await asyncio.wait_for(echo, CASE_LIMIT)
        except (aiowebsocket.AioWebSocketError, asyncio.TimeoutError) as error:
            self._failures[case] = f"{type(error).__name__}: {error}"
        with contextlib.suppress(asyncio.TimeoutError):
            await self._ask("getCaseStatus", case, FILING_LIMIT)

    async def _ask(self, path: str, case: str, limit: float) -> None:
        # What it answers is in the reports as well, and more of it: the end is what counts.
        uri = self._uri(path, case)
        async with aiowebsocket.connect(uri, ssl=self._tls, compression=None) as ws:
            await asyncio.wait_for(ws.wait_closed(), limit)

    def _uri(self, path: str, case: str) -> str:
        query = f"agent={self.agent}" + (f"&casetuple={case}" if case else "")
        return self._server.uri(self._scheme, f"/{path}?{query}")

    def _read_reports(self, cases: list[str]) -> None:
        index = json.loads((self._outdir / "index.json").read_text()).get(self.agent, {})
        for case in cases:
            failure = self._failures.get(case)
            if case not in index:
                outcome = Outcome("MISSING", "MISSING")
                self.findings[case] = Finding(outcome, failure or "the server filed no result", {})
                continue
            entry = index[case]
            outcome = Outcome(entry["behavior"], entry["behaviorClose"])
            report = json.loads((self._outdir / entry["reportfile"]).read_text())
            self.findings[case] = Finding(outcome, failure, report)

    def _tell_progress(self, section: str) -> None:
        if section:
            print(f"{self.agent}: section {section}, {self.seconds[section]:.1f} s", flush=True)
