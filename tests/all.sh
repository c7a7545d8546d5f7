#!/usr/bin/env bash
# Every check of the project, in the order in which they fail fastest. This is what CI runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() {
    printf '\n== %s\n' "$*" >&2
}

step format
cargo fmt --all --check

step lints
cargo clippy --workspace --all-targets --locked -- -D warnings

step 'python environment'
python=$(tests/setup.sh)
export APPRAISE_PYTHON=$python

step tests
cargo test --release --workspace --locked

# The tests have built the program.
program=${CARGO_TARGET_DIR:-target}/release/appraise

step 'every feature against DuckDB'
"$python" tests/oracle/check_features.py --bin "$program"

step 'every look-alike value in sixty digits'
"$python" tests/oracle/check_potential.py --bin "$program"

step 'lifetime models against freshly drawn values of sixty digits'
drawn=$(mktemp -d)
trap 'rm -rf "$drawn"' EXIT
"$python" tests/truth/draw_points.py --seed 7 --points 20 "$drawn"
APPRAISE_TRUTH=$drawn cargo test --release --workspace --locked --test models true_values

step 'benchmark programs, small'
APPRAISE_BIN=$program benches/peers/run.sh 200000 --rounds 1
"$python" benches/nights.py "$program" --rows 200000 --rounds 1
