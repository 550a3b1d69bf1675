#!/usr/bin/env bash
# The cfssl command against the service, as somebody who moves from `cfssl serve` would use it: info, sign with a client certificate,
# authsign by its own configuration, a `cfssl serve` in between, and its own eyes on what it gets.
. "$(dirname "$0")/lib.sh"

for program in cfssl cfssljson jq; do
  command -v "$program" >/dev/null || { [ "${CI:-}" = true ] && fail cfssl "there is no $program" || skip cfssl "it needs $program (apt-get install golang-cfssl jq)"; finish; exit; }
done

(umask 077; openssl rand -hex 32 >"$WORK/auth-key")
export CHANCERY_CFSSL__ENABLED=true CHANCERY_CFSSL__KEYS__BUILDS__KEY_FILE=$WORK/auth-key CHANCERY_CFSSL__KEYS__BUILDS__PROFILES=server CHANCERY_CFSSL__KEYS__BUILDS__NAMES='**.example.com' CHANCERY_CFSSL__KEYS__BUILDS__ORGANIZATIONS=Example
export CHANCERY_CFSSL__CLIENTS__NODES__PROFILE=node CHANCERY_CFSSL__CLIENTS__NODES__PROFILES=server,client CHANCERY_CFSSL__CLIENTS__NODES__NAMES='**.example.com'
start_development 60 || { fail 'the service starts'; finish; exit; }
ROOT_PEM=$WORK/data/root.pem
cd "$WORK" || exit 1

# A node's certificate, with which it may ask for others by the rule above.
NODE_TOKEN=$(CHANCERY_DATA=$WORK/data node "$ROOT/bin/chancery.mjs" token create --url "$HTTPS" --profile node --name node1.example.com --json | jq -r .token)
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout node.key -out node.csr -subj / -addext subjectAltName=DNS:node1.example.com 2>/dev/null
call -H "Authorization: Bearer $NODE_TOKEN" -H 'Accept: application/pem-certificate-chain' -H 'Content-Type: application/pkcs10' --data-binary @node.csr -o node.pem "$HTTPS/v1/requests?profile=node"
TLS=(-tls-remote-ca "$ROOT_PEM" -mutual-tls-client-cert node.pem -mutual-tls-client-key node.key)

# request NAME: NAME.csr and NAME-key.pem, by cfssl.
request() { echo "{\"CN\":\"$1.example.com\",\"hosts\":[\"$1.example.com\"],\"key\":{\"algo\":\"${2:-ecdsa}\",\"size\":${3:-256}},\"names\":[{\"C\":\"DE\",\"O\":\"Example\"}]}" | cfssl genkey - 2>/dev/null | cfssljson -bare "$1"; }
# written NAME: the certificate that cfssl printed into NAME.json, verified.
written() { cfssljson -bare "$1" <"$1.json" && curl -fsS --cacert "$ROOT_PEM" -o chain.pem "$HTTPS/ca/chain.pem" && openssl verify -CAfile "$ROOT_PEM" -untrusted chain.pem "$1.pem"; }
# refused TEXT COMMAND...: fails, and says so.
refused() { local text=$1; shift; ! "$@" >"$WORK/said" 2>&1 && grep -q "$text" "$WORK/said"; }
cfssl_() { cfssl "$@" 2>"$WORK/said" || { cat "$WORK/said"; return 1; }; }

check 'info: the certificate of the authority that signs' bash -c 'cfssl info -remote "$0" -tls-remote-ca "$1" 2>/dev/null | jq -r .certificate | openssl x509 -noout -fingerprint -sha256 | cmp - <(curl -fsS --cacert "$1" "$0/ca/issuing.pem" | openssl x509 -noout -fingerprint -sha256)' "$HTTPS" "$ROOT_PEM"
check 'info: of a profile' test "$(cfssl info -remote "$HTTPS" -tls-remote-ca "$ROOT_PEM" -profile client 2>/dev/null | jq -r '.usages + [.expiry] | join(",")')" = 'digital signature,client auth,720h'
check 'info: no such profile' refused 'Unknown policy profile' cfssl info -remote "$HTTPS" -tls-remote-ca "$ROOT_PEM" -profile nope

request one
cfssl_ sign -remote "$HTTPS" "${TLS[@]}" -profile server one.csr >one.json
check 'sign: with a client certificate' written one
check 'for the names of the CSR' grep -q 'DNS:one.example.com$' <(openssl x509 -in one.pem -noout -ext subjectAltName)
request two rsa 2048
cfssl_ sign -remote "$HTTPS" "${TLS[@]}" -profile server -label issuing -hostname www.example.com,two.example.com two.csr >two.json
check 'sign: an RSA key, with a label and hosts of its own' written two
check 'with those hosts' grep -q 'DNS:www.example.com, DNS:two.example.com$' <(openssl x509 -in two.pem -noout -ext subjectAltName)
check 'sign: not without a client certificate' refused 'authentication required' cfssl sign -remote "$HTTPS" -tls-remote-ca "$ROOT_PEM" -profile server one.csr
check 'sign: not for other names' refused 'www.elsewhere.org' cfssl sign -remote "$HTTPS" "${TLS[@]}" -profile server -hostname www.elsewhere.org one.csr
check 'cfssl reads what it got' test "$(cfssl certinfo -cert one.pem 2>/dev/null | jq -r '.sans[0] + " " + .issuer.common_name')" = "one.example.com $(openssl x509 -in "$WORK/data/authorities/issuing/cert.pem" -noout -subject -nameopt multiline 2>/dev/null | sed -n 's/ *commonName *= //p')"

# config KEY: cfssl's own configuration for authsign.
config() { printf '{"signing":{"default":{"auth_remote":{"auth_key":"builds","remote":"chancery"}}},"auth_keys":{"builds":{"type":"standard","key":"%s"}},"remotes":{"chancery":"%s"}}' "$1" "$HTTPS"; }
config "$(cat auth-key)" >auth.json
request three
cfssl_ sign -config auth.json -tls-remote-ca "$ROOT_PEM" three.csr >three.json
check 'authsign: by the keys of its configuration' written three
check 'with the organization that is granted' test "$(openssl x509 -in three.pem -noout -subject -nameopt RFC2253)" = 'subject=CN=three.example.com,O=Example'
cfssl_ sign -config auth.json -tls-remote-ca "$ROOT_PEM" three.csr >again.json
check 'the same token once more is the same certificate' test "$(jq -r .cert three.json)" = "$(jq -r .cert again.json)"
config "$(openssl rand -hex 32)" >wrong.json
check 'authsign: not by another key' refused 'invalid token' cfssl sign -config wrong.json -tls-remote-ca "$ROOT_PEM" three.csr

# A cfssl of one's own in between, which has the key, and asks for whoever asks it.
PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
cfssl serve -address 127.0.0.1 -port "$PORT" -config auth.json -tls-remote-ca "$ROOT_PEM" >serve.log 2>&1 &
PROXY=$!
trap 'kill "$PROXY" 2>/dev/null; stop_service; rm -rf "$WORK"' EXIT
for _ in $(seq 200); do curl -s -o /dev/null "http://127.0.0.1:$PORT/" && break; sleep 0.1; done
request four
cfssl_ sign -remote "http://127.0.0.1:$PORT" four.csr >four.json
check 'sign: through a cfssl serve that asks by authsign' written four

AKI=$(openssl x509 -in one.pem -noout -ext authorityKeyIdentifier | sed -n 's/^ *\(keyid:\)\?\([0-9A-F:]*\)$/\2/p' | tr -d : | tr 'A-F' 'a-f')
SERIAL=$(openssl x509 -in one.pem -noout -serial | cut -d= -f2)
check 'revoke: by an operator, as the API of cfssl has it' call --cert "$WORK/data/operator/cert.pem" --key "$WORK/data/operator/key.pem" \
  -d "{\"serial\":\"$(node -p "BigInt('0x$SERIAL').toString()")\",\"authority_key_id\":\"$AKI\",\"reason\":\"superseded\"}" "$HTTPS/api/v1/cfssl/revoke"
in_crl() { for _ in $(seq 150); do call "$HTTPS/api/v1/cfssl/crl" | jq -r .result | base64 -d | openssl crl -inform DER -noout -text | grep -q "$SERIAL" && return 0; sleep 0.1; done; return 1; }
check 'crl: it is in the CRL' in_crl
finish
