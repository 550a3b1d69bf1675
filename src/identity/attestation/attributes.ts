/** What rules can match, and templates be filled from, by the kind of proof. The same for both proofs by certificate. */
export const ATTRIBUTES = {
  /** Of the certificate; `fingerprint` and `anchor` are SHA-256, hex, of it and of the trust anchor. */
  x509: ['commonName', 'organization', 'organizationalUnit', 'dns', 'ip', 'email', 'uri', 'serial', 'issuer', 'fingerprint', 'anchor'],
  /** Of the instance identity document; `privateDnsName` as AWS makes it from the address. */
  aws: ['accountId', 'region', 'availabilityZone', 'instanceId', 'instanceType', 'imageId', 'architecture', 'privateIp', 'privateDnsName'],
  /** Of the instance identity token. */
  gcp: ['project', 'projectNumber', 'zone', 'region', 'instanceId', 'instanceName', 'serviceAccount'],
  /** Of the attested data. */
  azure: ['vmId', 'subscriptionId', 'sku', 'licenseType', 'planName', 'planProduct', 'planPublisher'],
  /** `hosts`: the host's names, as known_hosts or its certificate has them. */
  ssh: ['hosts', 'keyType', 'fingerprint', 'keyId', 'authority'],
} as const;
