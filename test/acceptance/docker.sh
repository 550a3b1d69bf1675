#!/usr/bin/env bash
# Docker Engine by certificates of the service: mutual TLS by the checks beside the repository, for each kind of key; and a real Engine with
# the authorization plugin: revoked clients, rules, what happens without the plugin, renewal, client bundles with other clients.
. "$(dirname "$0")/lib.sh"

CHECKS=$SHARED/acceptance/docker/docker-mtls.sh
leave() { skip docker "$1"; finish; exit; }
[ "$(id -u)" = 0 ] || leave 'a Docker daemon needs root'
for program in dockerd docker jq curl; do command -v "$program" >/dev/null || leave "it needs $program"; done
# Python's requests believes REQUESTS_CA_BUNDLE more than what a program tells it.
unset "${!DOCKER_@}" REQUESTS_CA_BUNDLE CURL_CA_BUNDLE

# Docker finds plugins in one folder; this one is ours alone.
PLUGIN=chancery-acceptance-$$
SOCKET=/run/docker/plugins/$PLUGIN.sock
PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
DAEMON= AUTHZ=
end() { [ -n "${1:-}" ] || return 0; kill "$1" 2>/dev/null; for _ in $(seq 150); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done; kill -KILL "$1" 2>/dev/null; }
tear_down() {
  trap : INT TERM
  end "$AUTHZ"
  end "$DAEMON"
  stop_service
  awk -v below="$WORK/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf "$WORK" "$SOCKET"
}
trap tear_down EXIT

chancery() { CHANCERY_DATA=$WORK/data CHANCERY_URL=$HTTPS node "$ROOT/bin/chancery.mjs" "$@"; }
token() { chancery token create --name '*' --json "$@" | jq -r .token; }
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2; }

start_development 60 || { fail 'the service starts'; finish; exit 1; }

# One command for both certificates of a machine.
enroll() { chancery enroll --url "$HTTPS" --token "$(token --profile server client)" --name localhost --name 127.0.0.1 --layout docker --out "$WORK/tls-$1" --key-type "$1"; }
for key in P-256 Ed25519 RSA-2048; do check "enroll makes both pairs, $key" enroll "$key"; done
TLS=$WORK/tls-P-256
check 'keys are 0400, certificates 0444' test "$(stat -c '%a %n' "$TLS"/*.pem | sed "s|$TLS/||" | tr '\n' ' ')" = '444 ca.pem 444 cert.pem 400 key.pem 444 server-cert.pem 400 server-key.pem '

# The checks of others, all kinds of keys at once: each starts two daemons. The first has an intermediate authority, as all have here.
if [ -r "$CHECKS" ]; then
  BEGIN=$SECONDS
  PIDS=()
  for key in P-256 Ed25519 RSA-2048; do
    TLS_DIR=$WORK/tls-$key PORT=$((PORT + ${#PIDS[@]} + 1)) TMPDIR=$WORK timeout 150 bash "$CHECKS" >"$WORK/mtls-$key" 2>&1 &
    PIDS+=("$!")
  done
  wait "${PIDS[@]}"
  for key in P-256 Ed25519 RSA-2048; do
    while read -r _ outcome name; do
      case $outcome in
        ok) PASSED=$((PASSED + 1)) ;;
        FAIL | FATAL) fail "mutual TLS, $key" "$name" ;;
      esac
    done <"$WORK/mtls-$key"
    check "mutual TLS, $key" grep -q 'passed [0-9]*, failed 0$' "$WORK/mtls-$key"
  done
  echo "       the three took $((SECONDS - BEGIN)) s"
else
  skip 'mutual TLS' "there is no $CHECKS"
fi

# An Engine with the plugin.
LOCAL=unix://$WORK/docker.sock
# began NAME COMMAND...: like check, in this shell, whose variables the command sets.
began() { if "${@:2}" >"$WORK/began" 2>&1; then pass "$1"; else fail "$1" "$(tail -n 1 "$WORK/began")"; fi; }
start_authz() {
  node "$ROOT/bin/chancery.mjs" docker-authz --enrolled "$TLS" --state "$WORK/authz" --socket "$SOCKET" --poll 2s "$@" >"$WORK/authz.out" 2>"$WORK/authz.err" </dev/null &
  AUTHZ=$!
  for _ in $(seq 600); do grep -q ' ready on ' "$WORK/authz.out" && return 0; kill -0 "$AUTHZ" 2>/dev/null || break; sleep 0.05; done
  cat "$WORK/authz.out" "$WORK/authz.err"
  return 1
}
start_daemon() {
  setsid dockerd --data-root "$WORK/docker" --exec-root "$WORK/exec" --pidfile "$WORK/docker.pid" -H "$LOCAL" -H "tcp://127.0.0.1:$PORT" \
    --tlsverify --tlscacert "$TLS/ca.pem" --tlscert "$TLS/server-cert.pem" --tlskey "$TLS/server-key.pem" --authorization-plugin="$PLUGIN" \
    --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs >>"$WORK/dockerd.log" 2>&1 </dev/null &
  DAEMON=$!
  for _ in $(seq 300); do timeout 5 docker -H "$LOCAL" version >/dev/null 2>&1 && return 0; kill -0 "$DAEMON" 2>/dev/null || break; sleep 0.1; done
  tail -n 5 "$WORK/dockerd.log"
  return 1
}
began 'the plugin starts, told by what enroll wrote' start_authz
began 'an Engine starts with it' start_daemon

# Client bundles: a person, one who will be revoked, a pipeline.
bundle() { chancery enroll --url "$HTTPS" --token "$(token --profile client)" --name "$1" --layout bundle --docker-host "tcp://127.0.0.1:$PORT" --out "$WORK/$1"; }
for name in alice mallory ci; do check "a bundle for $name" bundle "$name"; done
# as NAME COMMAND...: in a shell that its bundle has set up.
as() { local name=$1; shift; bash -c '. "$1/env.sh" && shift && exec timeout 40 "$@"' - "$WORK/$name" "$@"; }
refused() { local pattern=$1 output; shift; if output=$("$@" 2>&1); then echo "not refused: $output"; return 1; fi; grep -qE "$pattern" <<<"$output" || { echo "$output"; return 1; }; }
api() { as "$1" bash -c 'curl -sS --max-time 10 --noproxy "*" --fail-with-body --path-as-is --cacert "$DOCKER_CERT_PATH/ca.pem" --cert "$DOCKER_CERT_PATH/cert.pem" --key "$DOCKER_CERT_PATH/key.pem" "${@:2}" "https://${DOCKER_HOST#tcp://}$1"' - "${@:2}"; }
REVOKED='authorization denied by plugin .*: the certificate is revoked'

check 'docker with the bundle' as alice docker version
check 'docker in a shell that tells a script nothing' sh -c 'cd "$1" && eval "$(cat env.sh)" && docker info' - "$WORK/alice"
check 'curl with the bundle' api alice /v1.41/info
if python3 -c 'import docker' 2>/dev/null; then check "Docker's SDK for Python with the bundle" as alice python3 -c 'import docker; assert docker.from_env().ping()'; else skip "Docker's SDK for Python" 'it is not installed'; fi
if command -v docker-compose >/dev/null; then
  printf 'version: "2"\nservices: {}\n' >"$WORK/compose.yml"
  check 'docker-compose with the bundle' as alice docker-compose -f "$WORK/compose.yml" ps
else skip docker-compose 'it is not installed'; fi
check 'without a certificate nobody gets in' bash -c '! curl -sS --max-time 5 --noproxy "*" --cacert "$1/ca.pem" "https://127.0.0.1:$2/version"' - "$TLS" "$PORT"

# Revocation: no second of grace, and connections that are open are no way around it.
check 'mallory gets in' as mallory docker version
for _ in $(seq 400); do grep -q 'listening to the events' "$WORK/authz.out" && break; sleep 0.05; done
chancery revoke "$(serial "$WORK/mallory/cert.pem")" --reason keyCompromise >"$WORK/revoked" 2>&1 || fail 'mallory is revoked' "$(tail -n 1 "$WORK/revoked")"
BEGIN=$(date +%s%N)
for _ in $(seq 200); do api mallory /_ping >"$WORK/answer" 2>/dev/null || break; done
AFTER=$((($(date +%s%N) - BEGIN) / 1000000))
check "the Engine refuses mallory, $AFTER ms after the revocation was answered" test "$AFTER" -lt 1000
check 'and says why' refused "$REVOKED" as mallory docker ps
check 'alice goes on' as alice docker ps
check "so does who is on the machine" docker -H "$LOCAL" ps

# Without the service: from what was kept; with --most-silence not for long.
end "$AUTHZ"
stop_service
began 'the plugin starts without the service' start_authz
check 'alice gets in, by the revocation list that was kept' as alice docker ps
check 'mallory does not' refused "$REVOKED" as mallory docker ps
end "$AUTHZ"
began 'where silence is not allowed' start_authz --most-silence 10s
check 'nobody gets in' refused 'the revocation list is out of date' as alice docker ps
end "$AUTHZ"

# Without the plugin: the Engine waits for it, and lets nobody in meanwhile.
check 'without the plugin nobody is let in' bash -c '! timeout 3 docker -H "$1" ps' - "$LOCAL"
as alice docker ps >"$WORK/waited" 2>&1 &
WAITING=$!
cat >"$WORK/rules.yaml" <<'RULES'
rules:
  - name: people
    clients: [{commonName: [alice]}]
    allow: [all]
    deny: [exec, swarm]
  - name: pipelines
    clients: [{commonName: ['ci*']}]
    allow: [read, logs]
RULES
mkdir "$WORK/wrong"
check 'rules with a fault are told' refused 'rules.yaml:4:.*expected' bash -c 'sed "s/all/al/" "$1/rules.yaml" >"$1/wrong/rules.yaml"; node "$2/bin/chancery.mjs" docker-authz --check-rules --rules "$1/wrong/rules.yaml"' - "$WORK" "$ROOT"
began 'the plugin comes back, with rules' start_authz --rules "$WORK/rules.yaml"
began 'and a call that waited for it goes on' wait "$WAITING"

# Rules.
check 'alice may make a volume' as alice docker volume create acceptance
for path in /v1.41/containers/x/exec /containers/x/exec '/v1.41%2Fcontainers/x/%65xec?a=/json'; do
  check "but may not run commands in containers, by $path" refused 'rule people: exec is denied' api alice "$path" -H 'Content-Type: application/json' -d '{}'
done
check 'ci may look' as ci docker volume ls
check 'but not touch' refused 'rule pipelines: volumes is not allowed' as ci docker volume rm acceptance
check 'nor hear the join tokens' refused 'rule pipelines: swarm is not allowed' api ci /v1.41/swarm
check 'alice may remove it' as alice docker volume rm acceptance

# Renewal: the Engine reads its certificate when it starts, and at no other time.
served() { openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial | cut -d= -f2; }
BEFORE=$(served)
# The same port again: the certificates and the plugin know it.
began 'the service returns' start_service 60 env CHANCERY_LISTEN__HTTPS="${HTTPS#https://}" node "$ROOT/bin/chancery.mjs" serve
check 'a renewal' chancery renew --out "$TLS" --force --exec "kill -HUP $DAEMON"
sleep 1
check 'SIGHUP is not enough' test "$(served)" = "$BEFORE"
end "$DAEMON"
began 'a restart' start_daemon
check 'has the new certificate served' test "$(served)" = "$(serial "$TLS/server-cert.pem")" -a "$(served)" != "$BEFORE"
check 'modes stay' test "$(stat -c %a "$TLS/server-key.pem" "$TLS/server-cert.pem" | tr '\n' ' ')" = '400 444 '
check 'alice gets in' as alice docker ps
finish
