#!/usr/bin/env bash
# acme-tiny: a certificate for a CSR of its user, and again with the same key.
# needs: command -v acme-tiny
. "$(dirname "$0")/client.sh"
openssl genrsa -out "$W/account.key" 2048 2>>"$LOG"
openssl ecparam -name prime256v1 -genkey -noout -out "$W/key.pem"
openssl req -new -key "$W/key.pem" -subj / -addext "subjectAltName=DNS:$A,DNS:$B" -out "$W/csr.pem"
export SSL_CERT_FILE=$ACME_CA_BUNDLE
issue() { acme-tiny --account-key "$W/account.key" --csr "$W/csr.pem" --acme-dir "$WEBROOT" --directory-url "$ACME_DIRECTORY" --disable-check --contact mailto:one@lab.example >"$1" 2>>"$LOG"; }
run 'issue' issue "$W/first.pem"
good "$W/first.pem" "$W/key.pem" "$A" "$B"
run 'the same key again' issue "$W/second.pem"
good "$W/second.pem" "$W/key.pem" "$A" "$B"
differ "$W/first.pem" "$W/second.pem"
