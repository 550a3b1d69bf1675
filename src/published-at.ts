import type { Core } from './core.ts';
import type { PublishedAt } from './issuance/template.ts';

/**
 * The addresses that an authority's certificates give for its CRL, OCSP responder and certificate; empty where nothing would serve them.
 * @param httpUrl public address of the http listener
 */
export function publishedAt(httpUrl: string | undefined, { config: { ocsp, crl }, authorities: { issuing }, signing, crls }: Pick<Core, 'config' | 'authorities' | 'signing' | 'crls'>): (authority: string) => PublishedAt {
  return (name) => {
    const authority = signing.find((one) => one.name === name);
    if (httpUrl === undefined) return { crl: [], issuers: [], ocsp: [] };
    const folder = `${httpUrl}/crl/${name}/`;
    const sharded = name === issuing.name && crl.shards > 0;
    return {
      crl: authority === undefined ? [] : [`${httpUrl}/crl/${name}.crl`],
      ...(sharded ? { shards: { folder, count: crl.shards } } : {}),
      ...(authority !== undefined && !sharded && crls.scheduleOf(authority).delta !== undefined ? { delta: [`${folder}delta.crl`] } : {}),
      issuers: [`${httpUrl}/ca/${name}.crt`],
      ocsp: authority !== undefined && ocsp.serve ? [`${httpUrl}/ocsp/${name}`] : [],
    };
  };
}
