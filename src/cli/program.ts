import type { Command } from 'commander';
import type { Context } from './context.ts';
import { emptyProgram } from './empty-program.ts';
import { addAcmeAccounts, addAcmeRevokeAccount } from './acme/accounts.ts';
import { addAcmeOrder, addAcmeOrders } from './acme/orders.ts';
import { addAuditShow } from './audit/show.ts';
import { addAuditVerify } from './audit/verify.ts';
import { addBackup } from './backup/backup.ts';
import { addAuthorityList } from './authority/list.ts';
import { addAuthorityRevoke } from './authority/revoke.ts';
import { addAuthorityImport, addAuthorityRoll } from './authority/roll.ts';
import { addCertificatesList } from './certificates/list.ts';
import { addCertificatesCampaigns } from './certificates/campaigns.ts';
import { addCertificatesRelease } from './certificates/release.ts';
import { addCertificatesRenewSoon } from './certificates/renew-soon.ts';
import { addCertificatesRevoke } from './certificates/revoke.ts';
import { addCertificatesShow } from './certificates/show.ts';
import { addCrlPublish } from './crl/publish.ts';
import { addCrlShow } from './crl/show.ts';
import { addCrlWatch } from './crl/watch.ts';
import { addDockerAuthz } from './docker-authz.ts';
import { addDoctor } from './doctor/doctor.ts';
import { addEabCreate } from './eab/create.ts';
import { addEabList } from './eab/list.ts';
import { addEabRevoke } from './eab/revoke.ts';
import { addEnroll } from './enroll.ts';
import { addInit } from './init.ts';
import { addKeyCreate } from './key/create.ts';
import { addKeyList } from './key/list.ts';
import { addKeyRevoke } from './key/revoke.ts';
import { addNamesRelease } from './names/release.ts';
import { addNamesShow } from './names/show.ts';
import { addRenew } from './renew.ts';
import { addRequestsDecide } from './requests/decide.ts';
import { addRequestsList } from './requests/list.ts';
import { addRequestsShow } from './requests/show.ts';
import { addRestore } from './restore.ts';
import { addServe } from './serve.ts';
import { addSwarmGrace } from './swarm/grace.ts';
import { addSwarmList } from './swarm/list.ts';
import { addSwarmRegister } from './swarm/register.ts';
import { addSwarmUnregister } from './swarm/unregister.ts';
import { addAttestationsList } from './attestations/list.ts';
import { addAttestationsRelease } from './attestations/release.ts';
import { addTokenCreate } from './token/create.ts';
import { addTokenList } from './token/list.ts';
import { addTokenRevoke } from './token/revoke.ts';

/** Adds a command to its parent, which may be the program itself or a group. */
type Add = (parent: Command, context: Context) => void;

const ALONE: readonly Add[] = [addInit, addServe, addEnroll, addRenew];

const GROUPS: readonly { readonly name: string; readonly about: string; readonly commands: readonly Add[] }[] = [
  { name: 'token', about: 'enrolment tokens, which let a node request a certificate', commands: [addTokenCreate, addTokenList, addTokenRevoke] },
  { name: 'attestations', about: 'nodes that proved what they are: list, release', commands: [addAttestationsList, addAttestationsRelease] },
  { name: 'key', about: 'API keys of operators and their programs', commands: [addKeyCreate, addKeyList, addKeyRevoke] },
  { name: 'eab', about: 'external account binding keys, which let an ACME client create its account', commands: [addEabCreate, addEabList, addEabRevoke] },
  { name: 'acme', about: 'ACME accounts and orders: list, show, revoke', commands: [addAcmeAccounts, addAcmeOrders, addAcmeOrder, addAcmeRevokeAccount] },
  { name: 'swarm', about: 'Docker swarms whose nodes get their certificates here: register, unregister, list, grace', commands: [addSwarmRegister, addSwarmUnregister, addSwarmList, addSwarmGrace] },
  {
    name: 'requests',
    about: 'certificate requests: list, show, approve, deny',
    commands: [addRequestsList, addRequestsShow, (parent, context) => addRequestsDecide(parent, context, 'approve'), (parent, context) => addRequestsDecide(parent, context, 'deny')],
  },
  { name: 'certificates', about: 'issued certificates: list, show, revoke, release, renew early', commands: [addCertificatesList, addCertificatesShow, addCertificatesRevoke, addCertificatesRelease, addCertificatesRenewSoon, addCertificatesCampaigns] },
  { name: 'names', about: 'ownership of names and keys: show, release', commands: [addNamesShow, addNamesRelease] },
  { name: 'authority', about: 'the authorities: list, roll, import, revoke', commands: [addAuthorityList, addAuthorityRoll, addAuthorityImport, addAuthorityRevoke] },
  { name: 'crl', about: 'certificate revocation lists: show, publish now, keep a local copy fresh', commands: [addCrlShow, addCrlPublish, addCrlWatch] },
  { name: 'audit', about: 'the audit log: show, verify', commands: [addAuditShow, addAuditVerify] },
];

// `chancery revoke SERIAL`: the short form, for emergencies.
const LAST: readonly Add[] = [addDockerAuthz, addCertificatesRevoke, addBackup, addRestore, addDoctor];

/** The whole command line. Nothing is run or read until it is parsed. */
export function buildProgram(context: Context): Command {
  const program = emptyProgram(context);
  for (const add of ALONE) add(program, context);
  for (const { name, about, commands } of GROUPS) {
    const group = program.command(name).description(about);
    for (const add of commands) add(group, context);
  }
  for (const add of LAST) add(program, context);
  program.addHelpText('after', '\n\'chancery <command> --help\' explains a command, with examples. Exit status: 0 success, 1 failure, 2 wrong usage.\n');
  return program;
}
