#!/usr/bin/env bash
# A certificate issued over REST and one revoked over REST, and the CRL that others' checks fetch for them.
. "$(dirname "$0")/lib.sh"

CHECKS=$SHARED/acceptance/acme/protocols/crl.sh
[ -e "$CHECKS" ] || { skip crl "there is no $CHECKS"; finish; exit; }

start_development 60 || { fail 'the service starts'; finish; exit; }
check 'a certificate is issued' issue good
check 'another one is issued' issue revoked
check 'and revoked by the operator' revoke revoked keyCompromise
check 'the CRL lists it' listed_in_crl revoked

others_checks 'the checks of the CRL' timeout 60 bash "$CHECKS" "$WORK/good.pem" "$WORK/good-issuer.pem" "$WORK/revoked.pem"
finish
