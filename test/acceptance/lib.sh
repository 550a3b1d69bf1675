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

# wait_for_line PATTERN: in what the service printed, 20 seconds at most.
wait_for_line() {
  for _ in $(seq 400); do grep -q -- "$1" "$WORK/out" && return 0; sleep 0.05; done
  return 1
}

# leaf_and_issuer CHAIN.pem LEAF.pem ISSUER.pem: the first and the second certificate of a chain.
leaf_and_issuer() {
  awk -v leaf="$2" -v issuer="$3" '/BEGIN CERTIFICATE/ { n++ } n == 1 { print > leaf } n == 2 { print > issuer }' "$1"
  [ -s "$2" ] && [ -s "$3" ]
}

# start_development SECONDS: a service that makes its own authority; TOKEN is the enrolment token that it printed.
start_development() {
  start_service "$1" node "$ROOT/bin/chancery.mjs" serve || return 1
  wait_for_line ' enroll --url'
  TOKEN=$(grep -m 1 -o 'CHYTKN-[^ ]*' "$WORK/out")
}

call() { curl -sS --fail-with-body --max-time 10 --cacert "$WORK/data/root.pem" "$@"; }

# issue NAME: NAME.pem and NAME-issuer.pem in the work folder.
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/$1.key" -out "$WORK/$1.csr" -subj / -addext "subjectAltName=DNS:$1.example.com" 2>"$WORK/openssl" || { cat "$WORK/openssl"; return 1; }
  call -H "Authorization: Bearer $TOKEN" -H 'Accept: application/pem-certificate-chain' -H 'Content-Type: application/pkcs10' --data-binary "@$WORK/$1.csr" -o "$WORK/$1-chain.pem" "$HTTPS/v1/requests?profile=server" || { cat "$WORK/$1-chain.pem"; return 1; }
  leaf_and_issuer "$WORK/$1-chain.pem" "$WORK/$1.pem" "$WORK/$1-issuer.pem"
}

# revoke NAME REASON: by the operator.
revoke() {
  local serial
  serial=$(openssl x509 -in "$WORK/$1.pem" -noout -serial 2>/dev/null | cut -d= -f2)
  call --cert "$WORK/data/operator/cert.pem" --key "$WORK/data/operator/key.pem" -H 'Content-Type: application/json' -d "{\"reason\":\"$2\"}" "$HTTPS/v1/certificates/$serial/revoke"
}

# listed_in_crl NAME: waits until the published CRL lists the certificate, 20 seconds at most. How fast that is, the tests measure.
listed_in_crl() {
  local serial
  serial=$(openssl x509 -in "$WORK/$1.pem" -noout -serial | cut -d= -f2)
  for _ in $(seq 200); do
    curl -sS --max-time 10 "$HTTP/crl/issuing.crl" | openssl crl -inform DER -noout -text | grep -qi "Serial Number: $serial" && return 0
    sleep 0.1
  done
  return 1
}

# others_checks NAME COMMAND...: checks that others wrote; their count joins ours.
others_checks() {
  local name=$1 output p f s
  shift
  output=$("$@" 2>&1)
  grep -v ' passed, ' <<<"$output"
  read -r p f s <<<"$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' <<<"$output" | tail -n 1)"
  [ -n "${p:-}" ] || fail "$name" 'gave no count'
  PASSED=$((PASSED + ${p:-0})) FAILED=$((FAILED + ${f:-0})) SKIPPED=$((SKIPPED + ${s:-0}))
}
