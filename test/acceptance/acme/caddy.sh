#!/usr/bin/env bash
# Caddy: a web server that gets its certificates itself, by http-01 and by tls-alpn-01.
# needs: command -v caddy
. "$(dirname "$0")/client.sh"
stop_webroot
for challenge in http tlsalpn; do
  name=$challenge-$A
  storage=$W/$challenge
  cat >"$W/$challenge.json" <<END
{"admin": {"disabled": true}, "storage": {"module": "file_system", "root": "$storage"}, "logging": {"logs": {"default": {"level": "DEBUG"}}},
 "apps": {
  "http": {"http_port": $HTTP01_PORT, "https_port": $TLSALPN01_PORT, "servers": {"one": {
    "listen": ["127.0.0.1:$TLSALPN01_PORT"], "tls_connection_policies": [{}], "automatic_https": {"disable_redirects": true},
    "routes": [{"match": [{"host": ["$name"]}], "handle": [{"handler": "static_response", "body": "hello"}]}]}}},
  "tls": {"automation": {"policies": [{"subjects": ["$name"], "issuers": [{"module": "acme", "ca": "$ACME_DIRECTORY", "email": "one@lab.example", "trusted_roots_pem_files": ["$ACME_CA_BUNDLE"],
    "challenges": {"http": {"disabled": $([ $challenge = http ] && echo false || echo true), "alternate_port": $HTTP01_PORT}, "tls-alpn": {"disabled": $([ $challenge = tlsalpn ] && echo false || echo true), "alternate_port": $TLSALPN01_PORT}}}]}]}}}}
END
  ( cd "$W" && exec env HOME="$W" XDG_CONFIG_HOME="$W" XDG_DATA_HOME="$W" caddy run --config "$W/$challenge.json" >>"$LOG" 2>&1 ) &
  keep $!
  run "certificate by $challenge" appears "$storage" "$name.crt"
  good "$(find "$storage" -name "$name.crt")" "$(find "$storage" -name "$name.key")" "$name"
  run "it is served ($challenge)" curl -fsS --max-time 5 --cacert "${ACME_ISSUER_ROOT:?}" --resolve "$name:$TLSALPN01_PORT:127.0.0.1" "https://$name:$TLSALPN01_PORT/"
  drop
done
