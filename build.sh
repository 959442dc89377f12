#!/usr/bin/env bash
# The one command of this repository. It finds Python, makes the environment of nox, and hands over to noxfile.py. What it
# makes goes to .build/ and dist/, and is made again only when its inputs changed.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

usage() {
    cat <<'END'
Usage: ./build.sh COMMAND

  demo            serve the page, relay its board, and join it from the desktop
  demo --check    do the same headless, and prove that page and desktop see each other
  demo --workers N  relay the board in N processes over NATS; with --check kill one of them
  test            run all tests: on CPython, in Chromium, Firefox, WebKitGTK and Node, against a Godot engine and the
                  Autobahn suite
  test --engine E run the tests of one engine: chromium, firefox, webkit or node
  test --fast     run the tests that need nothing but Python
  test --lowest   run those with the lowest versions of dependencies that pyproject.toml allows
  support         write the table of docs/support.md from the last whole test run
  conformance     run the whole Autobahn suite against client and server (10 minutes and more); with --browser the
                  client in Chromium against plain JavaScript there. Patterns such as '6.*' choose cases
  bench           measure the native side beside its peers, the Variant codec, the import in a page
  bench-native    measure clients and servers on CPython beside their peers (20 minutes; --quick is a sanity run).
                  With --against REV measure the clients beside themselves at that commit of git (2 minutes; --short)
  bench-rooms     measure rooms beside broadcast(), and over NATS beside the bare client
  chaos           kill, stop and cut off workers and brokers, --seeds N for each broker (5), and check that nothing is lost
                  untold
  fuzz            look for inputs that break the parsers, --seconds N in all (60)
  bench-browser   measure a page beside plain JavaScript and what others use (4 minutes; --quick is a sanity run)
  wheel           build dist/pyws_browser-*.whl
  wheel --compiled
                  build the one for this platform and Python, in which mypyc compiled the inner loops (needs a C compiler)
  dist [FOLDER]   make a Pyodide that has this package, for any web server (by default in .build/dist). FOLDER is new,
                  empty, or was made by this command
  lint            check style, formatting and types
  docs            build the documentation, every link checked, into .build/site
  serve           serve the page alone
  clean           remove everything that this script made

PYTHON names the interpreter to use, by default the newest one from 3.11 on; PYODIDE_VERSIONS the Pyodide releases to
test on.
END
}

nox() {
    local python nox
    for python in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break || python=
    done
    [[ -n $python ]] || die "Python 3.11 or newer is needed: install it, or name it by PYTHON=..."
    nox=$("$python" tools/provision.py)
    exec "$nox" --no-venv --non-interactive "$@"
}

die() {
    echo "build.sh: $*" >&2
    exit 1
}

command=${1:-}
shift || true
case $command in
    demo | support | conformance | bench | chaos | fuzz | wheel | docs | serve) nox -s "$command" -- "$@" ;;
    dist) nox -s dist -- ${1:+"$([[ $1 == /* ]] || echo "$called_from/")$1"} ;;
    bench-native | bench-browser | bench-rooms) nox -s "${command/-/_}" -- "$@" ;;
    lint) nox -t lint ;;
    clean) rm -rf .build dist ;;
    '' | -h | --help | help) usage ;;
    test)
        case ${1:-} in
            '')
                rm -rf .build/results
                nox -t test
                ;;
            --fast) nox -s fast -- "${@:2}" ;;
            --lowest) nox -s lowest -- "${@:2}" ;;
            --engine)
                case ${2:?name an engine: chromium, firefox, webkit or node} in
                    chromium) nox -s chromium ;;
                    *) nox -s "engine(engine='$2')" ;;
                esac
                ;;
            *) die "test takes --fast, --lowest or --engine E, not \"$1\"" ;;
        esac
        ;;
    *) usage >&2 && die "There is no command \"$command\"" ;;
esac
