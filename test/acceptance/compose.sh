#!/usr/bin/env bash
# docker-compose.yml as it is, on a Docker daemon of its own: up, certificates from outside through the proxy, replicas that come and
# go, what the containers may, and that nothing is lost with them. Without a registry: its base images are made from Debian packages.
. "$(dirname "$0")/lib.sh"

BASE_IMAGES=$SHARED/acceptance/docker/local-base-images.sh
PACKAGES=(docker.io docker-compose debootstrap)
missing() { local c; for c in dockerd docker docker-compose debootstrap iptables; do command -v "$c" >/dev/null || return 0; done; return 1; }
leave() { skip 'docker-compose.yml' "$1"; finish; exit; }

[ "$(id -u)" = 0 ] || leave 'a Docker daemon needs root'
[ -r "$BASE_IMAGES" ] || leave "there is no $BASE_IMAGES"
if missing; then
  [ "${CI:-}" = true ] || leave "it needs ${PACKAGES[*]} (apt-get install)"
  # Run level 1: no package starts its service.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -q update >"$WORK/apt" 2>&1 && apt-get -q install -y --no-install-recommends "${PACKAGES[@]}" iptables >>"$WORK/apt" 2>&1
  missing && { fail 'Debian packages' "$(tail -n 1 "$WORK/apt")"; finish; exit; }
fi

unset "${!DOCKER_@}" "${!COMPOSE_@}"
export DOCKER_HOST=unix://$WORK/docker.sock COMPOSE_PROJECT_NAME=chancery-acceptance DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
DAEMON=

# start_daemon DRIVER: of the storage.
start_daemon() {
  setsid dockerd --data-root "$WORK/docker" --exec-root "$WORK/exec" --pidfile "$WORK/docker.pid" -H "$DOCKER_HOST" --storage-driver="$1" \
    --bridge=none --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false >"$WORK/dockerd.log" 2>&1 </dev/null &
  DAEMON=$!
  for _ in $(seq 300); do
    docker version >/dev/null 2>&1 && return 0
    kill -0 "$DAEMON" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 5 "$WORK/dockerd.log"
  return 1
}

# The containers and their networks go first, then the daemon and its containerd, then what they had mounted.
tear_down() {
  local containerd mount
  # A signal must not cut it short; what it starts can still be stopped.
  trap : INT TERM
  [ -z "${ENGINE:-}" ] || kill -KILL "$ENGINE" 2>/dev/null
  if [ -n "$DAEMON" ]; then
    (cd "$WORK/clone" 2>/dev/null && timeout 60 docker-compose down --volumes --timeout 5 >/dev/null 2>&1)
    containerd=$(cat "$WORK/exec/containerd/containerd.pid" 2>/dev/null)
    kill "$DAEMON" 2>/dev/null
    for _ in $(seq 150); do kill -0 "$DAEMON" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$DAEMON" ${containerd:+"$containerd"} 2>/dev/null
  fi
  awk -v below="$WORK/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
  rm -rf "$WORK"
}
trap tear_down EXIT

# quit NAME: nothing after it can be tested. Tells the end of what was said.
quit() { tail -n 20 "$WORK/said"; fail "$1"; finish; exit 1; }

# The image must come from what is committed, as a user's does.
git clone --quiet "$ROOT" "$WORK/clone" && cd "$WORK/clone" || exit 1
# A umask that shuts others out must not show in the image.
chmod -R go-rwx .
# There is no default network to build on.
printf 'services:\n  init:\n    build:\n      network: host\n' >docker-compose.override.yml

# vfs copies every layer whole, which takes minutes, but works on every file system.
start_daemon overlay2 >"$WORK/said" || start_daemon vfs >"$WORK/said" || quit dockerd
WORK="$WORK/images" bash -c 'mkdir "$WORK" && exec bash "$0"' "$BASE_IMAGES" >"$WORK/said" 2>&1 || quit 'the base images'
# The proxy's, on the one that has Debian's packages.
printf '%s\n' 'FROM redis:7' 'RUN apt-get -q update && apt-get -q install -y --no-install-recommends haproxy' 'ENTRYPOINT []' |
  timeout 200 docker build --network host -t haproxy:2.6 - >"$WORK/said" 2>&1 || quit 'the image of the proxy'
BEGIN=$SECONDS
timeout 260 docker-compose build >"$WORK/said" 2>&1 </dev/null || quit 'docker-compose build'
pass "the image is built ($((SECONDS - BEGIN)) s, $(($(docker image inspect -f '{{.Size}}' chancery) / 1000000)) MB of which $(($(docker image inspect -f '{{.Size}}' node:20-bookworm-slim) / 1000000)) are the base)"

free_port() { node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })'; }
HTTPS_PORT=$(free_port) HTTP_PORT=$(free_port)
URL=https://127.0.0.1:$HTTPS_PORT PUBLISHED=http://127.0.0.1:$HTTP_PORT
export HTTPS_PORT HTTP_PORT CHANCERY_PUBLIC_URL__HTTP=$PUBLISHED

containers() { docker-compose ps -q "$1"; }
# state SERVICE FIELD: of each of its containers, one after the other.
state() { containers "$1" | xargs -r docker inspect -f "{{$2}}" | tr '\n' ' ' | sed 's/ $//'; }
in_chancery() { in_replica 1 "$@"; }
in_replica() { local index=$1; shift; timeout 30 docker-compose exec -T --index="$index" chancery "$@" </dev/null; }
in_redis() { timeout 30 docker-compose exec -T redis "$@" </dev/null; }
# from_outside PATH...: over the proxy's port without TLS.
from_outside() { curl -fsS --max-time 10 --noproxy '*' "$PUBLISHED$1" "${@:2}"; }

# up REPLICAS [OPTION...]: starts everything; true when so many replicas are healthy and the proxy passes calls on.
up() {
  local wanted
  wanted=$(printf 'healthy %.0s' $(seq "$1") | sed 's/ $//')
  docker-compose up -d --no-build "${@:2}" >"$WORK/said" 2>&1 </dev/null || return 1
  for _ in $(seq 180); do
    [ "$(state chancery .State.Health.Status)" = "$wanted" ] && from_outside /readyz >/dev/null 2>&1 && return 0
    sleep 0.5
  done
  docker-compose ps >>"$WORK/said" 2>&1
  docker-compose logs --no-color --tail 10 >>"$WORK/said" 2>&1
  return 1
}

# enrol NAME TOKEN: a key and a certificate in NAME.key and NAME.pem, made as somebody outside would.
enrol() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/$1.key" -out "$WORK/$1.csr" -subj "/CN=$1" -addext "subjectAltName=DNS:$1" 2>/dev/null \
    && curl -sS --fail-with-body --max-time 20 --noproxy '*' --cacert "$WORK/root.pem" -H "Authorization: Bearer $2" -H 'Accept: application/pem-certificate-chain' \
      -H 'Content-Type: application/pkcs10' --data-binary "@$WORK/$1.csr" -o "$WORK/$1.pem" "$URL/v1/requests?profile=server"
}
verify() { openssl verify -CAfile "$WORK/root.pem" -untrusted "$WORK/$1.pem" "$WORK/$1.pem"; }
root() { in_chancery cat /var/lib/chancery/root.pem; }
token() { in_chancery chancery token create --name '*.example.com' --uses 2 --json | node -p 'JSON.parse(require("fs").readFileSync(0)).token'; }

BEGIN=$SECONDS
up 2 || quit 'docker-compose up'
pass "docker-compose up on a fresh clone: two replicas are healthy behind the proxy ($((SECONDS - BEGIN)) s)"

# What it can do.
root >"$WORK/root.pem"
check 'the root is the one that is published' bash -c "curl -fsS --max-time 10 --noproxy '*' '$PUBLISHED/ca/root.crt' | cmp - <(openssl x509 -in '$WORK/root.pem' -outform DER)"
TOKEN=$(token)
check 'a token is made in the container' test -n "$TOKEN"
check 'it yields a certificate outside' enrol node1.example.com "$TOKEN"
check 'its chain leads to the root' verify node1.example.com
check 'it names the public address' bash -c "openssl x509 -in '$WORK/node1.example.com.pem' -noout -ext crlDistributionPoints | grep -qF '$PUBLISHED/crl/issuing.crl'"
check 'doctor finds nothing wrong' in_chancery chancery doctor
check 'nor in the other replica' in_replica 2 chancery doctor

# An Engine of its own, enrolled with them.
ENGINE_PORT=$(free_port)
BOTH=$(in_chancery chancery token create --profile server client --name engine.example.com 127.0.0.1 --json | node -p 'JSON.parse(require("fs").readFileSync(0)).token')
check 'an Engine and its client are enrolled' node "$ROOT/bin/chancery.mjs" enroll --url "$URL" --token "$BOTH" --name engine.example.com --name 127.0.0.1 --layout docker --out "$WORK/tls"
setsid dockerd --data-root "$WORK/engine" --exec-root "$WORK/engine-exec" --pidfile "$WORK/engine.pid" -H "tcp://127.0.0.1:$ENGINE_PORT" --bridge=none --iptables=false --ip6tables=false \
  --storage-driver=vfs --tlsverify --tlscacert "$WORK/tls/ca.pem" --tlscert "$WORK/tls/server-cert.pem" --tlskey "$WORK/tls/server-key.pem" >"$WORK/engine.log" 2>&1 </dev/null &
ENGINE=$!
with_tls() { env -u DOCKER_HOST docker -H "tcp://127.0.0.1:$ENGINE_PORT" --tlsverify --tlscacert "$WORK/tls/ca.pem" --tlscert "$WORK/tls/cert.pem" --tlskey "$WORK/tls/key.pem" "$@"; }
for _ in $(seq 300); do with_tls version >/dev/null 2>&1 && break; kill -0 "$ENGINE" 2>/dev/null || break; sleep 0.1; done
check 'it takes the client by mutual TLS' with_tls info
kill "$ENGINE" 2>/dev/null
for _ in $(seq 100); do kill -0 "$ENGINE" 2>/dev/null || break; sleep 0.1; done

# Replicas as one service.
issued_by() { in_replica "$1" node -e 'fetch("http://127.0.0.1:9464/metrics").then((a) => a.text()).then((text) => console.log(/chancery_requests_total\{state="issued",profile="server"\} (\d+)/.exec(text)?.[1] ?? 0))'; }
etag_at() { in_replica "$1" node -e 'fetch("http://127.0.0.1:8080/crl/issuing.crl").then((a) => console.log(a.headers.get("etag")))'; }
MANY=$(in_chancery chancery token create --name '*.example.com' --uses 20 --json | node -p 'JSON.parse(require("fs").readFileSync(0)).token')
FAILED_CALLS=0
for n in $(seq 8); do enrol "many$n.example.com" "$MANY" || FAILED_CALLS=$((FAILED_CALLS + 1)); done
check 'eight certificates through the proxy' test "$FAILED_CALLS" = 0
check "both replicas had a part in it ($(issued_by 1) and $(issued_by 2))" test "$(issued_by 1)" -gt 0 -a "$(issued_by 2)" -gt 0
(umask 077; in_chancery cat /var/lib/chancery/operator/cert.pem >"$WORK/operator.pem"; in_chancery cat /var/lib/chancery/operator/key.pem >"$WORK/operator.key")
SERIAL=$(openssl x509 -in "$WORK/many1.example.com.pem" -noout -serial | cut -d= -f2)
BEFORE=$(etag_at 1)
check 'a client certificate reaches the service through the proxy: an operator revokes' curl -fsS --max-time 10 --noproxy '*' --cacert "$WORK/root.pem" --cert "$WORK/operator.pem" \
  --key "$WORK/operator.key" -H 'Content-Type: application/json' -d '{"reason":"superseded"}' "$URL/v1/certificates/$SERIAL/revoke"
# Each look starts a process in a container, which takes long where the machine is slow: how soon it is, the tests of replicas measure.
new_everywhere() { local one; for _ in $(seq 20); do one=$(etag_at 1); [ "$one" != "$BEFORE" ] && [ "$one" = "$(etag_at 2)" ] && return 0; sleep 0.2; done; return 1; }
check 'both replicas have the same new CRL' new_everywhere
check 'which lists it' bash -c "curl -fsS --max-time 10 --noproxy '*' '$PUBLISHED/crl/issuing.crl' | openssl crl -inform DER -noout -text | grep -qi 'Serial Number: $SERIAL'"
# A replica that dies is missed by nobody: calls that come go to the other one.
docker kill "$(containers chancery | tail -n 1)" >/dev/null
FAILED_CALLS=0
for n in $(seq 20); do from_outside /crl/issuing.crl -o /dev/null || FAILED_CALLS=$((FAILED_CALLS + 1)); sleep 0.1; done 2>"$WORK/said"
check "no call fails when a replica is killed ($FAILED_CALLS of 20)" test "$FAILED_CALLS" = 0
check 'a third one is one flag' up 3 --scale chancery=3
check 'and works' test "$(issued_by 3)" -ge 0
check 'its answers are the same' test "$(etag_at 3)" = "$(etag_at 1)"
check 'two again' up 2 --scale chancery=2
# WORK itself is for root alone: what is mounted is reached by the daemon.
mkdir "$WORK/backups" && chown 1000 "$WORK/backups"
in_job() { timeout 60 docker-compose run --rm -T -v "$WORK/backups:/backups" init "$@" </dev/null; }
check 'a backup of the running service' in_job backup /backups/one
check 'it is whole' in_job backup verify /backups/one
check 'the indexes of its store are made anew' in_job doctor --rebuild-indexes

# What it may do. The first process is what is judged, not a new one that `exec` makes.
status_of() { in_chancery sed -n "s/^$1:[[:space:]]*//p" /proc/1/status; }
check 'it is not root' test "$(status_of Uid | tr '\t' ' ')" = '1000 1000 1000 1000'
check 'it has no capability, and can get none' test "$(status_of CapEff) $(status_of CapBnd) $(status_of NoNewPrivs)" = '0000000000000000 0000000000000000 1'
read_only() { local output; output=$(timeout 30 docker exec -u 0 "$(containers chancery | head -n 1)" touch "$1" 2>&1); grep -q 'Read-only file system' <<<"$output"; }
check 'its files are read-only, also for root' read_only /app/file
check 'and so are the keys' bash -c 'grep -q "Read-only file system" <<<"$1"' - "$(in_chancery touch /var/lib/chancery/file 2>&1)"
check 'its own certificate is in memory, for its user alone' test "$(in_chancery stat -c '%a %U' /run/chancery/service/https.pem)" = '600 node'
check 'its memory is limited' test "$(state chancery .HostConfig.Memory)" = '1073741824 1073741824'
proxy_status() { timeout 30 docker-compose exec -T proxy sed -n "s/^$1:[[:space:]]*//p" /proc/1/status </dev/null | cut -f1; }
check 'the proxy is not root' test "$(proxy_status Uid)" -gt 0
check 'and has no capability' test "$(proxy_status CapBnd)" = 0000000000000000
check 'Redis is reached by the replicas alone' bash -c '! timeout 3 bash -c "</dev/tcp/127.0.0.1/6379" 2>/dev/null'
check 'its data is for its user alone' test "$(in_chancery stat -c '%a %U' /var/lib/chancery)" = '700 node'
check 'the image has no sources and no development packages' in_chancery sh -c 'test ! -e src && test ! -e node_modules/typescript && test ! -e node_modules/tap'
check 'Redis is not root' in_redis sh -c 'test "$(stat -c %U /proc/1)" = redis'
check 'Redis has each write on disk, and drops none' test "$(in_redis sh -c 'for s in appendonly appendfsync maxmemory-policy; do redis-cli config get $s | tail -n 1; done' | tr -d '\r' | tr '\n' ' ')" = 'yes always noeviction '
in_redis redis-cli set kept 1 >/dev/null

# What stays when the containers go.
BEGIN=$(date +%s%N)
docker-compose stop >"$WORK/said" 2>&1
STOP_MS=$((($(date +%s%N) - BEGIN) / 1000000))
check "it stops in under 10 seconds ($STOP_MS ms)" test "$STOP_MS" -lt 10000
check 'with status 0' test "$(state chancery .State.ExitCode) $(state redis .State.ExitCode)" = '0 0 0'
docker-compose down >"$WORK/said" 2>&1
check 'new containers on the same volumes are healthy' up 2
check 'with the same root' bash -c "cmp '$WORK/root.pem' -" < <(root)
check 'with the certificates of before' curl -fsS --max-time 10 --noproxy '*' --cacert "$WORK/root.pem" \
  "$URL/v1/certificates/$(openssl x509 -in "$WORK/node1.example.com.pem" -noout -serial | cut -d= -f2)"
check 'with the token of before' enrol node2.example.com "$TOKEN"
check 'which is spent then' bash -c '! "$@"' - curl -fsS --max-time 10 --noproxy '*' --cacert "$WORK/root.pem" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/pkcs10' \
  --data-binary "@$WORK/node2.example.com.csr" "$URL/v1/requests?profile=client"
check 'with what Redis had' test "$(in_redis redis-cli get kept | tr -d '\r')" = 1
docker-compose down --volumes >"$WORK/said" 2>&1

# The passphrase as a secret.
(umask 077; head -c 24 /dev/urandom | base64 >"$WORK/passphrase")
chown 1000 "$WORK/passphrase"
# The lines that the file has ready for it. The way to the passphrase is for root alone, who mounts it.
sed -i -E '/^ *# (CHANCERY_AUTHORITY__PASSPHRASE_FILE: |secrets:|  passphrase:|    file: )/s/# ?//' docker-compose.yml
export PASSPHRASE_FILE=$WORK/passphrase
check 'init in the container, with a passphrase' timeout 60 docker-compose run --rm -T init init --root-subject 'CN=Acceptance Root' --public-url "$PUBLISHED"
check 'serves' up 2
check 'with keys that are encrypted' in_chancery sh -c 'grep -L "BEGIN ENCRYPTED PRIVATE KEY" /var/lib/chancery/authorities/*/key.pem | { ! grep .; }'
root >"$WORK/root.pem"
check 'issues' enrol node3.example.com "$(token)"
check 'and its chain leads to the new root' verify node3.example.com
finish
