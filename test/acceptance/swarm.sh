#!/usr/bin/env bash
# Docker swarms whose nodes have their certificates from here: the checks beside the repository, with real Docker Engines, once for a
# single authority that signs itself, once for a root and an issuing one.
. "$(dirname "$0")/lib.sh"

CHECKS=$SHARED/acceptance/docker/swarm-external-ca.sh
leave() { skip 'Docker swarms' "$1"; finish; exit; }
[ -r "$CHECKS" ] || leave "there is no $CHECKS"
[ "$(id -u)" = 0 ] || leave 'a Docker daemon needs root'
for program in docker dockerd ip; do
  command -v "$program" >/dev/null || { [ "${CI:-}" = true ] && { fail 'Docker swarms' "there is no $program"; finish; exit 1; }; leave "it needs $program (apt-get install docker.io iproute2)"; }
done

chancery() { node "$ROOT/bin/chancery.mjs" "$@"; }
export -f chancery
export ROOT CHANCERY_SWARM__ENABLED=true

# swarm MODE: the checks against authorities of this mode. What signs for nodes is the swarm's new root.
swarm() {
  local mode=$1 output line
  rm -rf "$WORK/data"
  CHANCERY_DATA=$WORK/data chancery init --mode "$mode" >"$WORK/init" 2>&1 || { fail "init of mode $mode" "$(tail -n 1 "$WORK/init")"; return; }
  start_service 60 node "$ROOT/bin/chancery.mjs" serve || { fail "the service starts ($mode)"; return; }
  curl -fsS --max-time 10 --cacert "$WORK/data/root.pem" -o "$WORK/ca.pem" "$HTTPS/ca/issuing.pem"
  export CHANCERY_URL=$HTTPS CHANCERY_DATA=$WORK/data
  output=$(CA_URL=$HTTPS/api/v1/cfssl CA_ROOT=$WORK/ca.pem POLICY=enforce PROBE_BINDING=1 CROSS_SIGN=refuse TMPDIR=$WORK \
    REGISTER_CMD='chancery swarm register --root "$OLD_ROOT_PEM" --cluster-id "$SWARM_ID"' \
    UNREGISTER_CMD='chancery swarm unregister --cluster-id "$SWARM_ID"' timeout --kill-after=30 280 bash "$CHECKS" 2>&1)
  while read -r _ line; do
    case $line in
      ok*) pass "$mode: ${line#ok }" ;;
      FAIL* | FATAL*) fail "$mode: $line" ;;
      *) echo "       $line" ;;
    esac
  done <<<"$output"
  grep -q ' passed [0-9]*, failed 0, warnings 0' <<<"$output" || fail "$mode: the checks came to their end"
  check "$mode: what was registered, refused and issued is in the audit log" \
    bash -c 'for event in swarm.registered swarm.unregistered swarm.refused certificate.issued; do chancery audit show --limit 1000 --json | grep -q "\"$event\"" || { echo "no $event"; exit 1; }; done'
  unset CHANCERY_URL CHANCERY_DATA
  stop_service
}

swarm self-signed
swarm internal
finish
