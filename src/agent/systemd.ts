import { createHash } from 'node:crypto';

/** How renewals run: a daemon, or a timer that fires every hour. */
export const UNIT_KINDS = ['daemon', 'timer'] as const;
export type UnitKind = (typeof UNIT_KINDS)[number];

export interface UnitOptions {
  readonly kind: UnitKind;
  /** For a user's own service manager instead of the system's. */
  readonly user: boolean;
  /** The name of the units, without `.service`. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Absolute paths of folders that are written to. */
  readonly writable: readonly string[];
}

export interface Unit {
  readonly file: string;
  readonly text: string;
}

/** Marks our own units, which may be overwritten. */
export const HEADER = '# Written by \'chancery\'; written anew by the same command.';

/**
 * Unit files that keep certificates renewed. The service may write to its own folders and nothing else; of root's capabilities it keeps
 * those needed to replace another user's files. The command that follows a renewal runs under the same restrictions.
 */
export function unitsFor({ kind, user, name, command, writable }: UnitOptions): readonly Unit[] {
  const daemon = kind === 'daemon';
  const service = section({
    Unit: [['Description', 'Renewal of certificates by Chancery'], ['Wants', 'network-online.target'], ['After', 'network-online.target']],
    Service: [
      ['Type', daemon ? 'exec' : 'oneshot'],
      ['ExecStart', command.map(quoted).join(' ')],
      ...(daemon ? [['ExecReload', '/bin/kill -HUP $MAINPID'], ['Restart', 'always'], ['RestartSec', '30'], ['TimeoutStopSec', '120']] as const : []),
      ['StateDirectory', 'chancery-agent'], ['WorkingDirectory', '%S/chancery-agent'], ['UMask', '0077'],
      ...HARDENED, ...(user ? [] : [...MACHINE, ...writable.map((path) => ['ReadWritePaths', quoted(path)] as const)]),
    ],
    // A timer's service is started by the timer only.
    ...(daemon ? { Install: [['WantedBy', user ? 'default.target' : 'multi-user.target']] } : {}),
  });
  const timer = section({
    Unit: [['Description', 'Renewal of certificates by Chancery, each hour']],
    // Spread over the hour, since all timers of a fleet are set alike.
    Timer: [['OnCalendar', 'hourly'], ['RandomizedDelaySec', '1h'], ['Persistent', 'true']],
    Install: [['WantedBy', 'timers.target']],
  });
  return [{ file: `${name}.service`, text: service }, ...(daemon ? [] : [{ file: `${name}.timer`, text: timer }])];
}

type Settings = readonly (readonly [name: string, value: string])[];

/** What any service manager can grant without privileges. MemoryDenyWriteExecute is not set: Node's JIT compiler needs such memory. */
const HARDENED: Settings = [
  ['NoNewPrivileges', 'yes'], ['LockPersonality', 'yes'], ['RestrictRealtime', 'yes'], ['RestrictSUIDSGID', 'yes'], ['SystemCallArchitectures', 'native'],
  ['RestrictAddressFamilies', 'AF_INET AF_INET6 AF_UNIX AF_NETLINK'],
];

/** What requires a mount namespace, and capabilities to drop. */
const MACHINE: Settings = [
  ['CapabilityBoundingSet', 'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL'],
  ['ProtectSystem', 'strict'], ['ProtectHome', 'read-only'], ['PrivateTmp', 'yes'], ['PrivateDevices', 'yes'], ['ProtectClock', 'yes'], ['ProtectControlGroups', 'yes'],
  ['ProtectHostname', 'yes'], ['ProtectKernelLogs', 'yes'], ['ProtectKernelModules', 'yes'], ['ProtectKernelTunables', 'yes'], ['RestrictNamespaces', 'yes'],
];

const section = (sections: Readonly<Record<string, Settings>>): string =>
  `${[HEADER, ...Object.entries(sections).map(([name, settings]) => [`[${name}]`, ...settings.map(([setting, value]) => `${setting}=${value}`)].join('\n'))].join('\n\n')}\n`;

/** Quotes one word of a unit's setting (systemd.syntax(7), systemd.unit(5) on specifiers, systemd.service(5) on variables). */
const quoted = (text: string): string => {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
};

/** The name of the units for a folder or file: `chancery-renew-etc-nginx-tls`. */
export function unitName(path: string): string {
  const words = path.replaceAll(/[^A-Za-z0-9.]+/g, '-').replaceAll(/^-|-$/g, '');
  // Distinct paths that would be written alike get distinct names.
  const plain = /^\/[A-Za-z0-9./]+$/.test(path) && words.length <= 100;
  return `chancery-renew-${words.slice(0, 100)}${plain ? '' : `-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`}`;
}
