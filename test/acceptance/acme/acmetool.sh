#!/usr/bin/env bash
# acmetool: reconciles a wanted state, by web root. (Its `revoke` only notes what is to be done.)
# needs: command -v acmetool
. "$(dirname "$0")/client.sh"
export SSL_CERT_FILE=$ACME_CA_BUNDLE
mkdir -p "$W/state/conf" "$W/state/desired"
cat >"$W/state/conf/target" <<END
request:
  provider: $ACME_DIRECTORY
  challenge:
    http-self-test: false
    webroot-paths: [$WEBROOT]
END
cat >"$W/responses" <<END
"acme-enter-email": "one@lab.example"
"acme-agreement:*": true
END
T=(acmetool --state="$W/state" --hooks="$W/hooks" --batch --xlog.severity=debug --response-file="$W/responses")
agree() { local terms; terms=$(curl -fsS --cacert "$ACME_CA_BUNDLE" "$ACME_DIRECTORY" | jq -r '.meta.termsOfService // empty'); [ -z "$terms" ] || printf '"acme-agreement:%s": true\n' "$terms" >>"$W/responses"; }
agree
run 'want' "${T[@]}" want "$A" "$B"
good "$W/state/live/$A/fullchain" "$W/state/live/$A/privkey" "$A" "$B"
run 'nothing to do' "${T[@]}" reconcile
