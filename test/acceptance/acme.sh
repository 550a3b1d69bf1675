#!/usr/bin/env bash
# ACME against clients and checks that others wrote: those beside the repository, and the clients in acme/. Needs their programs
# (.ci/run installs them); what is missing is skipped. All traffic is loopback; names are resolved by the lab's own name server.
. "$(dirname "$0")/lib.sh"

CHECKS=$SHARED/acceptance/acme
OWN=$ROOT/test/acceptance/acme
[ -d "$CHECKS" ] || { skip acme "there is no $CHECKS"; finish; exit; }

# Their folder may be read-only, and its client from npm is installed into it.
cp -r "$CHECKS" "$WORK/acme" && chmod -R u+w "$WORK/acme"
(cd "$WORK/acme" && npm install --no-audit --no-fund --silent >"$WORK/npm" 2>&1) || echo 'npm could not install acme-client'

# Ports that are free now: of the name server, its own interface, http-01, tls-alpn-01.
read -r DNS_PORT API_PORT HTTP01_PORT TLSALPN01_PORT <<<"$(node -e '
  const servers = Array.from({ length: 4 }, () => require("node:net").createServer().listen(0, "127.0.0.1"));
  Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve)))).then(() => {
    console.log(servers.map((server) => server.address().port).join(" "));
    servers.forEach((server) => server.close());
  });')"

node "$WORK/acme/tools/labdns.mjs" --dns "127.0.0.1:$DNS_PORT" --api "127.0.0.1:$API_PORT" --quiet >"$WORK/dns" 2>&1 &
DNS=$!
trap 'stop_service; kill "$DNS" 2>/dev/null; rm -rf "$WORK"' EXIT

export CHANCERY_ACME__ENABLED=true CHANCERY_ACME__RESOLVER=127.0.0.1:$DNS_PORT CHANCERY_ACME__HTTP01_PORT=$HTTP01_PORT CHANCERY_ACME__TLS_ALPN01_PORT=$TLSALPN01_PORT
export CHANCERY_ACME__PERMIT_NETWORKS=127.0.0.0/8 CHANCERY_ACME__CAA_IDENTITIES=ca.lab.example CHANCERY_ACME__DENY='**.refused.example' CHANCERY_ACME__TERMS_OF_SERVICE=https://ca.lab.example/terms
export CHANCERY_ACME__LIMITS__ACCOUNTS_PER_ADDRESS=0 CHANCERY_ACME__LIMITS__ORDERS_PER_ACCOUNT=0 CHANCERY_ACME__LIMITS__ORDERS_PER_NAME=0 CHANCERY_ACME__LIMITS__FAILURES_PER_NAME=0
export CHANCERY_LIMITS__FAILURES_PER_ADDRESS=0

# begin: the service, and what the clients want to know of it. A client that serves as another user must be able to read the root.
begin() {
  start_service 60 node "$ROOT/bin/chancery.mjs" serve || { fail 'the service starts'; finish; exit; }
  export ACME_DIRECTORY=https://localhost:${HTTPS##*:}/acme/issuing/directory ACME_CA_BUNDLE=$WORK/data/root.pem ACME_ISSUER_ROOT=$WORK/data/root.pem
  export HTTP01_PORT TLSALPN01_PORT DNS_API=http://127.0.0.1:$API_PORT DNS_ADDR=127.0.0.1:$DNS_PORT ACME_DOMAIN_BASE=lab.example ACME_REJECTED_NAME=no.refused.example
}

# count PREFIX: the lines `PASS name`, `FAIL name: why`, `SKIP name: why` of standard input.
count() {
  local outcome name
  while read -r outcome name; do
    case $outcome in
      PASS) pass "$1: $name" ;;
      FAIL) fail "$1: $name" ;;
      SKIP) skip "$1: $name" ;;
    esac
  done
}

begin
count 'RFC 8555' < <(timeout 200 node "$WORK/acme/conformance/check.mjs" 2>"$WORK/conformance")
[ "$PASSED" -gt 0 ] || fail 'the checks of the RFC' "$(tail -n 3 "$WORK/conformance" | tr '\n' ' ')"
count client < <(CLIENT_TIMEOUT=100 "$WORK/acme/run-clients.sh" 2>"$WORK/clients")
tail -n 60 "$WORK/clients"
for client in "$OWN"/*.sh; do
  name=$(basename "$client" .sh)
  program=$(sed -n 's/^# needs: //p' "$client")
  [ "$name" = client ] && continue
  if bash -c "$program" >/dev/null 2>&1; then count client < <(timeout 150 bash "$client" 2>"$WORK/client") || :; else skip "client: $name" 'it is not installed'; continue; fi
  cat "$WORK/client"
done
check '200 whole orders, 16 at once, without an error' timeout 100 node "$WORK/acme/load/load.mjs" -c 16 -n 200 --poll 10 --serve

# The same service where accounts must be bound to a key that an operator made.
stop_service
export CHANCERY_ACME__EXTERNAL_ACCOUNT=required
begin
KEY=$(CHANCERY_DATA=$WORK/data node "$ROOT/bin/chancery.mjs" eab create --url "$HTTPS" --uses 10000 --json) || fail 'a key for external accounts is made'
export EAB_KID EAB_HMAC
EAB_KID=$(jq -r .id <<<"$KEY") EAB_HMAC=$(jq -r .hmac <<<"$KEY")
count 'RFC 8555, bound accounts' < <(timeout 200 node "$WORK/acme/conformance/check.mjs" 2>"$WORK/conformance")

# And where five of a hundred good nonces are refused: for clients, which try again. Some checks of the RFC use a nonce once and want it taken.
stop_service
export CHANCERY_ACME__REFUSE_NONCES=5
begin
count 'client, bound account, refused nonces' < <(CLIENT_TIMEOUT=100 "$WORK/acme/run-clients.sh" acme-client certbot lego 2>"$WORK/clients")
tail -n 60 "$WORK/clients"
finish
