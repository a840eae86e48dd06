#!/usr/bin/env bash
# A newcomer's path with the README only: a clone, `cargo run`, the first verified delivery. Prints the minutes that it took.
# Nothing is reused but what Cargo and pip have downloaded before. Needs git, Rust, Python 3.10 and a C compiler.
set -euo pipefail

limit=${NEWCOMER_MINUTES:-45}
repository=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

begun=$(date +%s)
git clone --quiet --no-hardlinks "$repository" "$folder/postrider"
cd "$folder/postrider"
unset CARGO_TARGET_DIR

ended=0
# --port 0: beside a stack that may be up already.
timeout --kill-after=30 "${limit}m" cargo run --quiet -- --exit --port 0 > "$folder/said" 2>&1 || ended=$?
cat "$folder/said"
if [ "$ended" -ne 0 ]; then
  echo "newcomer: the demonstration failed (exit code $ended; 124: not within $limit minutes)" >&2
  exit 1
fi
if ! grep -q 'verified by the published crate' "$folder/said"; then
  echo 'newcomer: no delivery was verified' >&2
  exit 1
fi
seconds=$(($(date +%s) - begun))
printf 'newcomer: from clone to first verified delivery in %d.%d minutes\n' $((seconds / 60)) $((seconds % 60 / 6))
