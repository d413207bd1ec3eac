#!/usr/bin/env bash
# All checks and all tests: what `npm test` and CI run. Needs `npm ci` first.
# Nothing is skipped in silence: a skipped or unfinished test, or a phase without tests, fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

# Files that take longest begin first, these in this order: one of them at the end would run alone.
long=(
  conformance/low-latency-conf conformance/edge conformance/codec-matrix conformance/http-flv conformance/mux-hls
  conformance/mux-fmp4 conformance/ffmpeg conformance/republish
  e2e/edge-faults e2e/rtmps e2e/slow-sharer e2e/hls-memory e2e/edge-fan-in e2e/reload-load e2e/without-koffi
  e2e/hls-restart e2e/hls-files e2e/bench e2e/metrics-move e2e/several-plays e2e/secret-canary e2e/edge-http
  e2e/edge e2e/hls-faults e2e/lobby e2e/hls-edge e2e/sample-confs e2e/hls-viewers e2e/api-contract e2e/tokens
)

bash scripts/setup-tools.sh

work=$(mktemp -d)
background=
# What runs in the background ends with this run.
end() {
  [ -z "$background" ] || kill "$background" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

# As `npm run check`, but that the types are judged beside the rest: they take as long as all of it.
npm run --silent build
npm run --silent check:types >"$work/types" 2>&1 &
background=$!
for check in lint layers dead; do
  npm run --silent "check:$check"
done
types=0
wait "$background" || types=$?
background=
cat "$work/types"
if [ "$types" -ne 0 ]; then
  exit 1
fi

# test/soak is run by hand: each of its files takes minutes.
# From the list of sources, so that what is left in dist of a removed test does not run.
tests_in() {
  local all name
  all=$(find test -name '*.test.ts' "$@" | LC_ALL=C sort)
  for name in "${long[@]}"; do
    grep -Fx "test/$name.test.ts" <<<"$all" || true
  done | cat - <(echo "$all") | awk '!seen[$0]++' | sed -E 's|^(.*)\.ts$|dist/\1.js|'
}
for name in "${long[@]}"; do
  if [ ! -f "test/$name.test.ts" ]; then
    echo "weir: scripts/test.sh names test/$name.test.ts, which is not there" >&2
    exit 1
  fi
done
mapfile -t near < <(tests_in -not -path 'test/soak/*' -not -path 'test/e2e/*' -not -path 'test/conformance/*' -not -path 'test/browser/*')
mapfile -t peers < <(tests_in -path 'test/conformance/*')
mapfile -t pages < <(tests_in -path 'test/browser/*')
mapfile -t far < <(tests_in -path 'test/e2e/*')

status=0
passed=0 failed=0 skipped=0

# Sum of one line of node's summaries in a phase's output.
count() { sed -nE "s/^[^a-z]*$1 ([0-9]+)\$/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'; }

# run CONCURRENCY LIMIT_SECONDS FILES...
run() {
  exec timeout --kill-after=10 "$2" node scripts/run-tests.mjs "$1" "${@:3}" 2>&1
}

# take NAME OUTPUT: adds what a phase said to the totals.
take() {
  passed=$((passed + $(count pass "$2")))
  failed=$((failed + $(count fail "$2") + $(count cancelled "$2")))
  skipped=$((skipped + $(count skipped "$2") + $(count todo "$2")))
  if [ "$(count pass "$2")" -eq 0 ]; then
    echo "weir: phase $1 ran no test to its end" >&2
    status=1
  fi
}

# phase NAME CONCURRENCY LIMIT_SECONDS FILES...
phase() {
  echo "== $1: $(($# - 3)) files"
  (run "${@:2}") | tee "$work/out" || status=1
  take "$1" "$work/out"
}

phase "unit, property, fuzz, threads" 2 420 "${near[@]}"

# A browser works, and two of them disturb each other; what plays media in real time mostly waits. So one browser runs
# beside them, and what it says is shown when it is done.
run 1 480 "${pages[@]}" >"$work/pages" &
background=$!
phase "conformance" 3 480 "${peers[@]}"
wait "$background" || status=1
background=
echo "== browser: ${#pages[@]} files"
cat "$work/pages"
take "browser" "$work/pages"

# They mostly wait too, for limits of time.
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
