#!/usr/bin/env bash
# The CLV models beside lifetimes and PyMC-Marketing: benches/peers/clv.sh [--rounds N] [--json FILE]
#   APPRAISE_BENCH  where the customers and the peers' Python environments are kept (default: target/bench)
#   CUSTOMERS       how many (default: 1000000)
#   PYTHON          which Python to create the environments with (default: python3), 3.11 or 3.12
# Linux only. The peers take minutes, the first run longer: it installs them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/benches/peers
target=${CARGO_TARGET_DIR:-$root/target}
bench=${APPRAISE_BENCH:-$target/bench}
customers=${CUSTOMERS:-1000000}
days=253
mkdir -p "$bench"
bench=$(cd "$bench" && pwd)

# Creates the Python environment of a peer, unless it is up to date.
environment() {
    local requirements=$here/clv_$1.txt venv=$bench/venv-$1
    cmp -s "$requirements" "$venv/requirements.installed" && return
    "${PYTHON:-python3}" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/requirements.installed"
}

environment lifetimes
environment pymc
cargo build --release --locked --manifest-path "$root/Cargo.toml" --package appraise-clv --example speed
speed=$target/release/examples/speed

folder=$bench/clv_${customers}_$days
if [[ ! -e $folder/complete ]]; then
    rm -rf "$folder"
    mkdir "$folder"
    "$speed" new "$folder/customers.csv" "$customers" "$days"
    touch "$folder/complete"
fi
exec "$bench/venv-lifetimes/bin/python" "$here/clv_measure.py" "$folder" \
    --speed "$speed" --lifetimes "$bench/venv-lifetimes/bin/python" --pymc "$bench/venv-pymc/bin/python" "$@"
