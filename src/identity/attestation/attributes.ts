/** Attributes that rules can match and templates can use, per kind of proof. Both proofs by certificate share one list. */
export const ATTRIBUTES = {
  /** From the certificate; `fingerprint` and `anchor` are the SHA-256, hex, of it and of the trust anchor. */
  x509: ['commonName', 'organization', 'organizationalUnit', 'dns', 'ip', 'email', 'uri', 'serial', 'issuer', 'fingerprint', 'anchor'],
  /** From the instance identity document; `privateDnsName` is derived from the address as AWS does. */
  aws: ['accountId', 'region', 'availabilityZone', 'instanceId', 'instanceType', 'imageId', 'architecture', 'privateIp', 'privateDnsName'],
  /** From the instance identity token. */
  gcp: ['project', 'projectNumber', 'zone', 'region', 'instanceId', 'instanceName', 'serviceAccount'],
  /** From the attested data. */
  azure: ['vmId', 'subscriptionId', 'sku', 'licenseType', 'planName', 'planProduct', 'planPublisher'],
  /** `hosts`: the host's names according to known_hosts or its certificate. */
  ssh: ['hosts', 'keyType', 'fingerprint', 'keyId', 'authority'],
} as const;
