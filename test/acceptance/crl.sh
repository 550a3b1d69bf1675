#!/usr/bin/env bash
# A certificate issued over REST and one revoked over REST, and the CRL that others' checks fetch for them.
. "$(dirname "$0")/lib.sh"

CHECKS=$SHARED/acceptance/acme/protocols/crl.sh
[ -e "$CHECKS" ] || { skip crl "there is no $CHECKS"; finish; exit; }

start_service 60 node "$ROOT/bin/chancery.mjs" serve || { fail 'the service starts'; finish; exit; }
wait_for_line ' enroll --url'
TOKEN=$(grep -m 1 -o 'CHYTKN-[^ ]*' "$WORK/out")
call() { curl -sS --fail-with-body --max-time 10 --cacert "$WORK/data/root.pem" "$@"; }

# issue NAME: NAME.pem and NAME-issuer.pem in the work folder.
issue() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/$1.key" -out "$WORK/$1.csr" -subj / -addext "subjectAltName=DNS:$1.example.com" 2>"$WORK/openssl" || { cat "$WORK/openssl"; return 1; }
  call -H "Authorization: Bearer $TOKEN" -H 'Accept: application/pem-certificate-chain' -H 'Content-Type: application/pkcs10' --data-binary "@$WORK/$1.csr" -o "$WORK/$1-chain.pem" "$HTTPS/v1/requests?profile=server" || { cat "$WORK/$1-chain.pem"; return 1; }
  leaf_and_issuer "$WORK/$1-chain.pem" "$WORK/$1.pem" "$WORK/$1-issuer.pem"
}
check 'a certificate is issued' issue good
check 'another one is issued' issue revoked
SERIAL=$(openssl x509 -in "$WORK/revoked.pem" -noout -serial 2>/dev/null | cut -d= -f2)
check 'and revoked by the operator' call --cert "$WORK/data/operator/cert.pem" --key "$WORK/data/operator/key.pem" -H 'Content-Type: application/json' -d '{"reason":"keyCompromise"}' "$HTTPS/v1/certificates/$SERIAL/revoke"
sleep 1

OUTPUT=$(timeout 60 bash "$CHECKS" "$WORK/good.pem" "$WORK/good-issuer.pem" "$WORK/revoked.pem" 2>&1)
grep -v ' passed, ' <<<"$OUTPUT"
read -r P F S <<<"$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' <<<"$OUTPUT" | tail -n 1)"
[ -n "${P:-}" ] || fail 'the checks of the CRL' 'gave no count'
PASSED=$((PASSED + ${P:-0})) FAILED=$((FAILED + ${F:-0})) SKIPPED=$((SKIPPED + ${S:-0}))
finish
