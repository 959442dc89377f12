"""python -m tests.conformance: the whole Autobahn suite, in both roles."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from . import driver, wstest


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("cases", nargs="*", default=["*"], help='such as "6.*" or "12.1.[1-3]"; all if none is given')
    parser.add_argument("--role", choices=driver.ROLES, help="both if not given")
    parser.add_argument("--jobs", type=int, default=1, help="processes of the suite in each role")
    arguments = parser.parse_args()
    try:
        wstest.install()
    except wstest.NoWstestError as exc:
        print(exc)
        return 0
    cases = driver.select_cases(arguments.cases)
    verdicts = driver.run(cases, [arguments.role] if arguments.role else driver.ROLES, arguments.jobs)
    for verdict in verdicts:
        if not verdict.has_passed:
            print(f"FAILED {verdict}")
        elif verdict.behaviour == "NON-STRICT":
            print(verdict)
    for role, count in Counter(verdict.role for verdict in verdicts if verdict.has_passed).items():
        print(f"{role}: {count} of {len(cases)} passed")
    return 0 if cases and all(verdict.has_passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
