"""Clients in turns: every case is run by every contestant once a round, and the medians of the rounds count."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from .processes import BenchmarkError, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from .cases import Case
    from .contestants import Contestant

    Say = Callable[[str], None]

_FIRST_COUNT = 8
_MOST_GROWTH = 20
_MOST_COUNT = 5_000_000


def write_certificate(folder: Path) -> tuple[str, str, str]:
    """Write a certificate for 127.0.0.1; return the paths of it, of its key, and of the authority's certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key, issuer = (str(folder / f"{name}.pem") for name in ("certificate", "key", "authority"))
    issued.private_key_pem.write_to_path(key)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(certificate, append=True)
    authority.cert_pem.write_to_path(issuer)
    return certificate, key, issuer


class Arena:
    """The counterpart, and the processes of the contestants, while it is entered."""

    def __init__(self, contestants: Iterable[Contestant], compiled: str | None) -> None:
        self._contestants = list(contestants)
        self._compiled = compiled
        self._stack = ExitStack()
        self._workers: dict[str, Process] = {}
        self._ports: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        with self._stack as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            certificate, key, authority = write_certificate(folder)
            self._ports = stack.enter_context(Process("counterpart", certificate, key)).answer()
            for contestant in self._contestants:
                self._start(contestant, authority, stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, contestant: Contestant, authority: str, stack: ExitStack) -> None:
        worker = stack.enter_context(
            Process(
                "worker",
                contestant.client,
                contestant.loop,
                authority,
                python=contestant.python(self._compiled),
                name=contestant.name,
            )
        )
        about = worker.answer()
        if about["is_compiled"] is not contestant.is_compiled:
            raise BenchmarkError(
                f"{contestant.name} is {'compiled' if about['is_compiled'] else 'plain Python'}: the environment of "
                "--compiled has to have the compiled wheel, the one that runs this the plain one"
            )
        self._workers[contestant.name] = worker
        self.versions[contestant.name] = about["version"]

    def run(self, case: Case, rounds: int, seconds: float, say: Say) -> dict[str, dict[str, float]]:
        """Return the medians of one case by contestant: of messages a second, or of seconds of a round trip.

        `seconds` is how long a run takes about. A contestant that fails is left out, and told in `failures`.
        """
        counts: dict[str, int] = {}
        samples: dict[str, list[dict[str, float]]] = {}
        for name in self._workers:
            say(f"{case.name}: how fast is {name}")
            with self._noting_failure(case):
                counts[name] = self._calibrate(case, name, seconds)
                samples[name] = []
        names = list(counts)
        for number in range(rounds):
            say(f"{case.name}: round {number + 1} of {rounds}")
            first = number % max(1, len(names))
            for name in names[first:] + names[:first]:
                with self._noting_failure(case):
                    samples[name].append(self._ask(case, name, counts[name]))
        return {name: _median(values, case) for name, values in samples.items() if values}

    @contextmanager
    def _noting_failure(self, case: Case) -> Iterator[None]:
        try:
            yield
        except BenchmarkError as exc:
            self.failures.append(f"{case.name}: {exc}")

    def _calibrate(self, case: Case, name: str, seconds: float) -> int:
        """Return how many messages take about so many seconds."""
        count = max(_FIRST_COUNT, case.step)
        while True:
            took: float = self._ask(case, name, count)["seconds"]
            factor = min(seconds / max(took, 1e-6), _MOST_GROWTH)
            count = max(1, min(round(count * factor / case.step), _MOST_COUNT // case.step)) * case.step
            if factor < 2 or count >= _MOST_COUNT // case.step * case.step:
                return count

    def _ask(self, case: Case, name: str, count: int) -> dict[str, Any]:
        scheme = "wss" if case.tls else "ws"
        url = f"{scheme}://127.0.0.1:{self._ports[scheme]}{case.path(count)}"
        answer = self._workers[name].ask(url=url, method=case.method, size=case.size, count=count, tls=case.tls)
        return answer | {"rate": count / answer["seconds"], "cpu_rate": count / max(answer["cpu"], 1e-9)}


def _median(samples: list[dict[str, float]], case: Case) -> dict[str, float]:
    keys = ("p50", "p99") if case.is_latency else ("rate", "cpu_rate")
    return {key: statistics.median(sample[key] for sample in samples) for key in keys}
