#!/usr/bin/env bash
# Ruby's acme-client: account, order, http-01, certificate, key change, revocation.
# needs: ruby -e "require %q(acme-client)"
. "$(dirname "$0")/client.sh"
export SSL_CERT_FILE=$ACME_CA_BUNDLE W A B WEBROOT
cat >"$W/client.rb" <<'END'
require 'acme-client'
w, names = ENV['W'], [ENV['A'], ENV['B']]
client = Acme::Client.new(private_key: OpenSSL::PKey::RSA.new(2048), directory: ENV['ACME_DIRECTORY'], bad_nonce_retry: 3)
account = client.new_account(contact: 'mailto:one@lab.example', terms_of_service_agreed: true)
raise 'account' unless account.status == 'valid'
client.account_update(contact: ['mailto:two@lab.example'])
order = client.new_order(identifiers: names)
order.authorizations.each do |authorization|
  challenge = authorization.http
  File.write("#{ENV['WEBROOT']}/#{challenge.token}", challenge.file_content)
  challenge.request_validation
  100.times { break unless %w[pending processing].include?(challenge.status); sleep 0.2; challenge.reload }
  raise challenge.error.to_s unless challenge.status == 'valid'
end
key = OpenSSL::PKey::EC.generate('prime256v1')
order.reload
order.finalize(csr: Acme::Client::CertificateRequest.new(private_key: key, names: names, subject: {}))
100.times { break unless order.status == 'processing'; sleep 0.2; order.reload }
File.write("#{w}/cert.pem", order.certificate)
File.write("#{w}/key.pem", key.to_pem)
client.account_key_change(new_private_key: OpenSSL::PKey::RSA.new(2048))
raise 'order with the new key' unless client.new_order(identifiers: ['new-' + names[0]]).status == 'pending'
raise 'revocation' unless client.revoke(certificate: order.certificate, reason: 4)
client.account_deactivate
END
run 'issue, change the key, revoke' ruby "$W/client.rb"
good "$W/cert.pem" "$W/key.pem" "$A" "$B"
revoked "$W/cert.pem"
