#!/usr/bin/env bash
# appraise beside DuckDB and Polars on one job: benches/peers/run.sh [ROWS] [--rounds N] [--threads N] [--json FILE]
#   APPRAISE_BIN    the program (default: built in release mode)
#   APPRAISE_BENCH  where the dumps are generated and kept (default: target/bench)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/benches/peers
rows=20000000
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    rows=$1
    shift
fi
target=${CARGO_TARGET_DIR:-$root/target}
dumps=${APPRAISE_BENCH:-$target/bench}/dumps_$rows

python=$("$root/tests/setup.sh")
binary=${APPRAISE_BIN:-}
if [[ -z $binary ]]; then
    cargo build --release --locked --manifest-path "$root/Cargo.toml" --bin appraise
    binary=$target/release/appraise
fi
if [[ ! -e $dumps/complete ]]; then
    rm -rf "$dumps"
    "$python" "$here/generate.py" "$dumps" --rows "$rows"
    touch "$dumps/complete"
fi
exec "$python" "$here/measure.py" "$dumps" --bin "$binary" "$@"
