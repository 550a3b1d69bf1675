#!/usr/bin/env bash
# A certificate issued over REST and one revoked over REST, and what OpenSSL, GnuTLS and others' checks are answered about them at once.
. "$(dirname "$0")/lib.sh"

start_development 60 || { fail 'the service starts'; finish; exit; }
check 'a certificate is issued' issue good
check 'another one is issued' issue revoked
check 'and revoked by the operator' revoke revoked keyCompromise
URL=$(openssl x509 -in "$WORK/good.pem" -noout -ocsp_uri)

# says PATTERN COMMAND...: the pattern is in what the command prints.
says() {
  local pattern=$1 output
  shift
  output=$("$@" 2>&1)
  grep -q -- "$pattern" <<<"$output" || { tail -n 3 <<<"$output"; return 1; }
}
ask_openssl() { openssl ocsp -issuer "$WORK/good-issuer.pem" -CAfile "$WORK/data/root.pem" -url "$URL" "$@"; }
ask_gnutls() { ocsptool "--ask=$URL" "--load-cert=$WORK/$1.pem" "--load-issuer=$WORK/good-issuer.pem" "--load-trust=$WORK/good-issuer.pem" "${@:2}"; }

check 'the certificate says where' test "$URL" = "$HTTP/ocsp/issuing"
check 'OpenSSL: good, without waiting' says ': good' ask_openssl -cert "$WORK/good.pem"
check 'OpenSSL: verified up to the root' says 'Response verify OK' ask_openssl -sha256 -cert "$WORK/good.pem"
check 'OpenSSL: revoked, at once' says 'Reason: keyCompromise' ask_openssl -cert "$WORK/revoked.pem" -no_nonce
check 'OpenSSL: what was not issued is unknown' says ': unknown' ask_openssl -serial 0x7fffffffffffffffffffffffffffff01
if command -v ocsptool >/dev/null; then
  check 'GnuTLS: good' says 'Certificate Status: good' ask_gnutls good
  check 'GnuTLS: verified' says 'Verifying OCSP Response: Success' ask_gnutls good --nonce
  check 'GnuTLS: revoked' says 'Certificate Status: revoked' ask_gnutls revoked
else
  skip 'GnuTLS' 'there is no ocsptool'
fi

CHECKS=$SHARED/acceptance/acme/protocols/ocsp.sh
if [ -e "$CHECKS" ]; then
  OCSP_ROOT=$WORK/data/root.pem others_checks 'the checks of OCSP' timeout 60 bash "$CHECKS" "$WORK/good.pem" "$WORK/good-issuer.pem" "$WORK/revoked.pem"
else
  skip ocsp "there is no $CHECKS"
fi
finish
