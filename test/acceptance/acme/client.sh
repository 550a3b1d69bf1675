# Sourced by the clients beside it: names of its own below ACME_DOMAIN_BASE, a web root for http-01, and checks that stop at the first
# that fails. Prints one line, `PASS name` or `FAIL name: what: why`. Needs ACME_DIRECTORY, ACME_CA_BUNDLE, ACME_ISSUER_ROOT,
# HTTP01_PORT, TLSALPN01_PORT.
set -u
NAME=$(basename "$0" .sh)
W=$(mktemp -d "${TMPDIR:-/tmp}/chancery-$NAME.XXXXXX")
LOG=$W/log WEBROOT=$W/www KEPT=() WEB=
A=$NAME-$RANDOM-a.${ACME_DOMAIN_BASE:-lab.example} B=$NAME-$RANDOM-b.${ACME_DOMAIN_BASE:-lab.example}
A=${A//_/-} B=${B//_/-}
mkdir "$WEBROOT"
chmod 755 "$W"

keep() { KEPT+=("$1"); }
# drop: ends what was started last.
drop() {
  local pid=${KEPT[-1]}
  kill "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  unset 'KEPT[-1]'
}
leave() {
  local status=$?
  for pid in "${KEPT[@]}"; do kill "$pid" 2>/dev/null; done
  [ -z "$WEB" ] || kill "$WEB" 2>/dev/null
  if [ "$status" = 0 ]; then echo "PASS $NAME"; rm -rf "$W"; elif [ -n "${KEEP_WORK:-}" ]; then echo "kept: $W" >&2; else tail -n 15 "$LOG" | cut -c1-400 >&2; rm -rf "$W"; fi
}
trap leave EXIT
no() { echo "FAIL $NAME: $1"; exit 1; }

# run WHAT COMMAND...: stops here where the command fails.
run() {
  local what=$1
  shift
  echo "== $what: $*" >>"$LOG"
  timeout_free "$@" >>"$LOG" 2>&1 </dev/null || no "$what: status $?"
}
timeout_free() { if [ "$(type -t "$1")" = function ]; then "$@"; else timeout -k 5 100 "$@"; fi; }

# patiently COMMAND...: until it holds, 60 seconds at most.
patiently() {
  for _ in $(seq 300); do "$@" && return 0; sleep 0.2; done
  return 1
}
has_file() { [ -s "$(find "$1" -name "$2" 2>/dev/null | head -n 1)" ]; }
# appears FOLDER FILE: somewhere below the folder.
appears() { patiently has_file "$1" "$2"; }

# good CHAIN KEY|- NAME...: leads to the root, is for exactly these names, and has the key.
good() {
  local chain=$1 key=$2 names wanted
  shift 2
  [ -s "$chain" ] || no "there is no certificate"
  openssl verify -purpose sslserver -CAfile "$ACME_ISSUER_ROOT" -untrusted "$chain" "$chain" >>"$LOG" 2>&1 || no 'the certificate does not verify'
  names=$(openssl x509 -in "$chain" -noout -ext subjectAltName | grep -o 'DNS:[^, ]*' | cut -d: -f2 | sort | tr '\n' ' ')
  wanted=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
  [ "$names" = "$wanted" ] || no "it is for $names, not for $wanted"
  [ "$key" = - ] || [ "$(openssl pkey -in "$key" -pubout 2>>"$LOG")" = "$(openssl x509 -in "$chain" -noout -pubkey)" ] || no 'it has another key'
}
differ() { cmp -s "$1" "$2" && no 'the renewal is the same certificate'; return 0; }
# revoked CHAIN: the CRL that the certificate names lists it, within ten seconds.
revoked() {
  local url serial
  url=$(openssl x509 -in "$1" -noout -ext crlDistributionPoints 2>/dev/null | grep -o 'http[^ ]*' | head -n 1)
  serial=$(openssl x509 -in "$1" -noout -serial | cut -d= -f2)
  [ -n "$url" ] || { [ -n "${NO_CRL:-}" ] && return 0; no 'the certificate names no CRL'; }
  listed() { curl -fsS --max-time 5 "$url" -o "$W/crl" && openssl crl -inform DER -in "$W/crl" -noout -text | grep -qi "Serial Number: *$serial"; }
  for _ in $(seq 50); do listed >>"$LOG" 2>&1 && return 0; sleep 0.2; done
  no 'the CRL does not list it'
}

# A web server for the files that clients write into the web root.
stop_webroot() { kill "$WEB" 2>/dev/null; wait "$WEB" 2>/dev/null; WEB=; }
node --input-type=module -e '
  import { createServer } from "node:http";
  import { readFile } from "node:fs";
  const [port, root] = process.argv.slice(1);
  createServer((call, reply) => {
    const token = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]+)$/.exec(call.url)?.[1] ?? "none";
    readFile(`${root}/${token}`, (error, text) => reply.writeHead(error ? 404 : 200).end(error ? "" : text));
  }).listen(Number(port), "127.0.0.1", () => console.log("listening"));' "$HTTP01_PORT" "$WEBROOT" >"$W/web" 2>&1 &
WEB=$!
for _ in $(seq 100); do grep -q listening "$W/web" && break; sleep 0.05; done
