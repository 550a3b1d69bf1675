#!/usr/bin/env bash
# uacme: an account, a certificate of two names by http-01, its renewal, revocation, a new account key, deactivation.
# needs: command -v uacme
. "$(dirname "$0")/client.sh"
printf '#!/bin/sh\n# begin|done|failed method identifier token authorization\n[ "$2" = http-01 ] || exit 1\ncase $1 in begin) printf %%s "$5" >"%s/$4";; *) rm -f "%s/$4";; esac\n' "$WEBROOT" "$WEBROOT" >"$W/hook"
chmod +x "$W/hook"
# It takes the CAs of the system and no others: so it gets a system of its own, in which those are ours.
SYSTEM=/etc/ssl/certs/ca-certificates.crt
unshare -m mount --bind "$ACME_CA_BUNDLE" "$SYSTEM" 2>>"$LOG" || no 'it needs root, to change the CAs that it trusts'
U=(unshare -m sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' "$ACME_CA_BUNDLE" "$SYSTEM" uacme --acme-url "$ACME_DIRECTORY" --confdir "$W/conf" --yes)
run 'new account' "${U[@]}" new one@lab.example
run 'issue' "${U[@]}" --hook "$W/hook" --days 3650 issue "$A" "$B"
good "$W/conf/$A/cert.pem" "$W/conf/private/$A/key.pem" "$A" "$B"
cp "$W/conf/$A/cert.pem" "$W/first.pem"
run 'renewal' "${U[@]}" --force --hook "$W/hook" issue "$A" "$B"
good "$W/conf/$A/cert.pem" "$W/conf/private/$A/key.pem" "$A" "$B"
differ "$W/first.pem" "$W/conf/$A/cert.pem"
run 'contact' "${U[@]}" update two@lab.example
run 'new account key' "${U[@]}" newkey
cp "$W/first.pem" "$W/revoke.pem"
run 'revocation' "${U[@]}" revoke "$W/revoke.pem"
revoked "$W/first.pem"
run 'deactivation' "${U[@]}" deactivate
