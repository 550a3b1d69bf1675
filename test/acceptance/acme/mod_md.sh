#!/usr/bin/env bash
# Apache's mod_md: a web server that gets its certificates itself, by http-01 and by tls-alpn-01.
# needs: test -e /usr/lib/apache2/modules/mod_md.so
. "$(dirname "$0")/client.sh"
stop_webroot
M=/usr/lib/apache2/modules
# It will not serve as root; what it is to read must then be readable for the user that it becomes.
SERVER_USER=$([ "$(id -u)" = 0 ] && echo www-data || id -un)
install -m 644 "$ACME_CA_BUNDLE" "$W/ca.pem"
for challenge in http-01 tls-alpn-01; do
  name=$challenge-$A
  mkdir -p "$W/$challenge/md" "$W/$challenge/htdocs"
  echo hello >"$W/$challenge/htdocs/index.html"
  cat >"$W/$challenge/apache.conf" <<END
ServerRoot $W/$challenge
ServerName localhost
PidFile $W/$challenge/pid
ErrorLog $W/$challenge/error.log
LogLevel warn md:trace1
DefaultRuntimeDir $W/$challenge
Listen 127.0.0.1:$HTTP01_PORT
Listen 127.0.0.1:$TLSALPN01_PORT
LoadModule mpm_event_module $M/mod_mpm_event.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule dir_module $M/mod_dir.so
LoadModule ssl_module $M/mod_ssl.so
<IfModule !watchdog_module>
LoadModule watchdog_module $M/mod_watchdog.so
</IfModule>
LoadModule md_module $M/mod_md.so
<IfModule !unixd_module>
LoadModule unixd_module $M/mod_unixd.so
</IfModule>
User $SERVER_USER
Group $SERVER_USER
MDStoreDir $W/$challenge/md
MDCertificateAuthority $ACME_DIRECTORY
MDCertificateAgreement accepted
MDContactEmail one@lab.example
MDCACertificateFile $W/ca.pem
MDCAChallenges $challenge
MDPortMap http:$HTTP01_PORT https:$TLSALPN01_PORT
MDRetryDelay 1s
MDomain $name
Protocols http/1.1 acme-tls/1
<VirtualHost 127.0.0.1:$HTTP01_PORT>
  ServerName $name
  DocumentRoot $W/$challenge/htdocs
</VirtualHost>
<VirtualHost 127.0.0.1:$TLSALPN01_PORT>
  ServerName $name
  SSLEngine on
  DocumentRoot $W/$challenge/htdocs
  <Directory $W/$challenge/htdocs>
    Require all granted
  </Directory>
</VirtualHost>
END
  touch "$W/$challenge/mime.types"
  chmod -R go+rX "$W"
  apache2 -DFOREGROUND -f "$W/$challenge/apache.conf" >>"$LOG" 2>&1 &
  keep $!
  ready() { find "$W/$challenge/md/staging" "$W/$challenge/md/domains" -path "*$name*" -name 'pubcert.pem' 2>/dev/null | grep -q .; }
  run "certificate by $challenge" patiently ready
  kill -USR1 "$(cat "$W/$challenge/pid")" 2>>"$LOG"
  installed() { [ -s "$W/$challenge/md/domains/$name/pubcert.pem" ]; }
  run "it is installed ($challenge)" patiently installed
  good "$W/$challenge/md/domains/$name/pubcert.pem" - "$name"
  served() { curl -fsS --max-time 5 --cacert "${ACME_ISSUER_ROOT:?}" --resolve "$name:$TLSALPN01_PORT:127.0.0.1" "https://$name:$TLSALPN01_PORT/"; }
  run "it is served ($challenge)" patiently served
  cat "$W/$challenge/error.log" >>"$LOG"
  drop
done
