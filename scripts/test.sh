#!/usr/bin/env bash
# All checks and all tests: what `npm test` and CI run. Needs `npm ci` first.
# Nothing is skipped in silence: a skipped or unfinished test, or a phase without tests, fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup-tools.sh
npm run --silent check

# test/soak is run by hand: each of its files takes minutes.
# From the list of sources, so that what is left in dist of a removed test does not run.
tests_in() { find test -name '*.test.ts' "$@" | LC_ALL=C sort | sed -E 's|^(.*)\.ts$|dist/\1.js|'; }
mapfile -t near < <(tests_in -not -path 'test/soak/*' -not -path 'test/e2e/*' -not -path 'test/conformance/*' -not -path 'test/browser/*')
mapfile -t peers < <(tests_in \( -path 'test/conformance/*' -o -path 'test/browser/*' \))
mapfile -t far < <(tests_in -path 'test/e2e/*')

out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
passed=0 failed=0 skipped=0

# Sum of one line of node's summaries in the last phase's output.
count() { sed -nE "s/^[^a-z]*$1 ([0-9]+)\$/\1/p" "$out" | awk '{ n += $1 } END { print n + 0 }'; }

# phase NAME CONCURRENCY LIMIT_SECONDS FILES...
phase() {
  local name=$1 concurrency=$2 limit=$3
  shift 3
  if [ "$#" -eq 0 ]; then
    return
  fi
  echo "== $name: $# files"
  timeout --kill-after=10 "$limit" node --test --test-reporter=spec \
    --test-concurrency="$concurrency" --test-timeout=180000 "$@" 2>&1 | tee "$out" || status=1
  passed=$((passed + $(count pass)))
  failed=$((failed + $(count fail) + $(count cancelled)))
  skipped=$((skipped + $(count skipped) + $(count todo)))
  if [ "$(count pass)" -eq 0 ]; then
    echo "weir: phase $name ran no test to its end" >&2
    status=1
  fi
}

phase "unit, property, fuzz, threads" 2 420 "${near[@]}"
# They mostly wait, for media that are played in real time and for limits of time.
phase "conformance" 3 480 "${peers[@]}"
phase "end to end" 3 600 "${far[@]}"

if [ "$skipped" -ne 0 ]; then
  echo "weir: $skipped tests were skipped or left to do" >&2
  status=1
fi
if [ "$failed" -ne 0 ]; then
  status=1
fi
echo "total: $passed passed, $failed failed, $skipped skipped"
exit "$status"
