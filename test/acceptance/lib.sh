# Sourced by the scripts beside it: a work folder, named checks, a service that is started and stopped, and the count at the end.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Checks that others wrote, beside the repository where there are any.
SHARED=${CHANCERY_TEST_SHARED:-$ROOT/../shared}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/chancery-acceptance.XXXXXX")
PASSED=0 FAILED=0 SKIPPED=0 SERVICE=

pass() { echo "ok     $1"; PASSED=$((PASSED + 1)); }
fail() { echo "FAILED $1${2:+: $2}"; FAILED=$((FAILED + 1)); }
skip() { echo "skip   $1${2:+: $2}"; SKIPPED=$((SKIPPED + 1)); }

# check NAME COMMAND...: passes where the command does; its last line tells why it did not.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then pass "$name"; else fail "$name" "$(tail -n 1 <<<"$output" | cut -c1-300)"; fi
}

# finish: the count on a line of its own, and the status.
finish() {
  echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  [ "$FAILED" = 0 ]
}

stop_service() {
  [ -n "$SERVICE" ] || return 0
  kill -TERM -- "-$SERVICE" 2>/dev/null
  for _ in $(seq 100); do kill -0 -- "-$SERVICE" 2>/dev/null || break; sleep 0.1; done
  kill -KILL -- "-$SERVICE" 2>/dev/null
  SERVICE=
}
trap 'stop_service; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# start_service SECONDS COMMAND...: on free ports, with its data in $WORK/data. Sets SERVICE (its process group), HTTPS, HTTP,
# START_MS; what it printed is in $WORK/out and $WORK/err.
start_service() {
  local seconds=$1 begin
  shift
  # Before it begins, so that what an earlier one printed is not taken for its own.
  : >"$WORK/out"
  begin=$(date +%s%N)
  CHANCERY_DATA=$WORK/data CHANCERY_LISTEN__HTTPS=127.0.0.1:0 CHANCERY_LISTEN__HTTP=127.0.0.1:0 CHANCERY_LISTEN__METRICS=127.0.0.1:0 \
    setsid "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
  SERVICE=$!
  for _ in $(seq $((seconds * 20))); do
    grep -q '^ready ' "$WORK/out" && break
    kill -0 "$SERVICE" 2>/dev/null || break
    sleep 0.05
  done
  START_MS=$((($(date +%s%N) - begin) / 1000000))
  HTTPS=$(sed -n 's/^ready .*https=\([^ ]*\).*/\1/p' "$WORK/out")
  HTTP=$(sed -n 's/^ready .*http=\([^ ]*\).*/\1/p' "$WORK/out")
  [ -n "$HTTPS" ] && return 0
  tail -n 20 "$WORK/out" "$WORK/err"
  return 1
}

# wait_for_line PATTERN: in what the service printed, 5 seconds at most.
wait_for_line() {
  for _ in $(seq 100); do grep -q -- "$1" "$WORK/out" && return 0; sleep 0.05; done
  return 1
}

# leaf_and_issuer CHAIN.pem LEAF.pem ISSUER.pem: the first and the second certificate of a chain.
leaf_and_issuer() {
  awk -v leaf="$2" -v issuer="$3" '/BEGIN CERTIFICATE/ { n++ } n == 1 { print > leaf } n == 2 { print > issuer }' "$1"
  [ -s "$2" ] && [ -s "$3" ]
}
