#!/usr/bin/env bash
# Creates the Python environment of the tests and benchmarks; prints the path of its interpreter.
#   APPRAISE_VENV  where to create it (default: .venv in the repository)
#   PYTHON         which Python to create it with (default: python3), 3.11 or newer
# Run it as often as you like: an environment that is up to date is left alone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/tests/requirements.txt
venv=${APPRAISE_VENV:-$root/.venv}
python=${PYTHON:-python3}
stamp=$venv/requirements.installed

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

if [[ -x $venv/bin/python ]] && cmp -s "$requirements" "$stamp"; then
    echo "$venv/bin/python"
    exit 0
fi

command -v "$python" >/dev/null || fail "no $python on the PATH" "hint: install Python 3.11 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: duckdb 2.0.0 needs 3.11" "hint: set PYTHON to a newer one"
"$python" -m venv "$venv" >&2 ||
    fail "$python can't create a virtual environment at $venv" \
        "hint: on Debian, apt-get install python3-venv; or set APPRAISE_VENV to a place that can be written"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2 ||
    fail "the packages of tests/requirements.txt could not be installed into $venv"
cp "$requirements" "$stamp"
echo "$venv/bin/python"
