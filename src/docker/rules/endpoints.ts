/** Kinds of calls that a rule can allow or deny by name; `all` covers those below and, if nothing is denied, also calls not listed here. */
export const ACTIONS = ['all', 'read', 'logs', 'exec', 'files', 'control', 'create', 'build', 'images', 'networks', 'volumes', 'swarm', 'services', 'secrets', 'configs', 'plugins', 'login'] as const;
export type Action = (typeof ACTIONS)[number];
/** `hello`: what every client calls first; allowed to every client that a rule matches. */
export type Endpoint = Exclude<Action, 'all'> | 'hello';

/**
 * The Engine API, 1.24 to 1.51: `{id}` is one segment, `{ref}` one or more (names of images and plugins contain slashes).
 * Anything not listed is unknown, and only allowed to clients that may do everything. https://docs.docker.com/reference/api/engine/
 */
const API: Readonly<Record<Endpoint, readonly string[]>> = {
  hello: ['GET /_ping', 'HEAD /_ping', 'GET /version', 'OPTIONS {ref}'],
  read: [
    'GET /info', 'GET /events', 'GET /system/df',
    'GET /containers/json', 'GET /containers/{id}/json', 'GET /containers/{id}/top', 'GET /containers/{id}/stats', 'GET /containers/{id}/changes', 'POST /containers/{id}/wait',
    'GET /exec/{id}/json', 'GET /images/json', 'GET /images/search', 'GET /images/{ref}/json', 'GET /images/{ref}/history', 'GET /distribution/{ref}/json',
    'GET /networks', 'GET /networks/{id}', 'GET /volumes', 'GET /volumes/{id}', 'GET /plugins', 'GET /plugins/{ref}/json',
    'GET /nodes', 'GET /nodes/{id}', 'GET /services', 'GET /services/{id}', 'GET /tasks', 'GET /tasks/{id}', 'GET /secrets', 'GET /secrets/{id}',
  ],
  logs: ['GET /containers/{id}/logs', 'GET /services/{id}/logs', 'GET /tasks/{id}/logs'],
  // Attaching can write to a container's input too, and over WebSocket it is a GET.
  exec: [
    'POST /containers/{id}/exec', 'POST /exec/{id}/start', 'POST /exec/{id}/resize', 'POST /containers/{id}/attach', 'GET /containers/{id}/attach/ws', 'POST /containers/{id}/resize',
  ],
  files: ['GET /containers/{id}/archive', 'HEAD /containers/{id}/archive', 'PUT /containers/{id}/archive', 'POST /containers/{id}/copy', 'GET /containers/{id}/export'],
  control: ['start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'rename', 'update'].map((verb) => `POST /containers/{id}/${verb}`),
  create: [
    'POST /containers/create', 'DELETE /containers/{id}', 'POST /containers/prune', 'POST /commit',
    'GET /containers/{id}/checkpoints', 'POST /containers/{id}/checkpoints', 'DELETE /containers/{id}/checkpoints/{id}',
  ],
  build: ['POST /build', 'POST /build/prune', 'POST /build/cancel', 'POST /session', 'POST /grpc'],
  images: [
    'POST /images/create', 'POST /images/load', 'POST /images/prune', 'POST /images/{ref}/push', 'POST /images/{ref}/tag', 'DELETE /images/{ref}', 'GET /images/get', 'GET /images/{ref}/get',
  ],
  networks: ['POST /networks/create', 'POST /networks/prune', 'POST /networks/{id}/connect', 'POST /networks/{id}/disconnect', 'DELETE /networks/{id}'],
  volumes: ['POST /volumes/create', 'POST /volumes/prune', 'PUT /volumes/{id}', 'DELETE /volumes/{id}'],
  // GET /swarm reveals the join tokens.
  swarm: [
    'GET /swarm', 'GET /swarm/unlockkey', 'POST /swarm/init', 'POST /swarm/join', 'POST /swarm/leave', 'POST /swarm/update', 'POST /swarm/unlock', 'POST /nodes/{id}/update', 'DELETE /nodes/{id}',
  ],
  services: ['POST /services/create', 'POST /services/{id}/update', 'DELETE /services/{id}'],
  secrets: ['POST /secrets/create', 'POST /secrets/{id}/update', 'DELETE /secrets/{id}'],
  // Unlike secrets, configs can be read back.
  configs: ['GET /configs', 'GET /configs/{id}', 'POST /configs/create', 'POST /configs/{id}/update', 'DELETE /configs/{id}'],
  plugins: [
    'GET /plugins/privileges', 'POST /plugins/pull', 'POST /plugins/create', 'DELETE /plugins/{ref}',
    ...['enable', 'disable', 'push', 'upgrade', 'set'].map((verb) => `POST /plugins/{ref}/${verb}`),
  ],
  login: ['POST /auth'],
};

interface Route {
  readonly endpoint: Endpoint;
  readonly path: RegExp;
}

/** By method and first segment, so that few patterns are tried. */
const ROUTES = new Map<string, Route[]>();
for (const [endpoint, calls] of Object.entries(API) as [Endpoint, readonly string[]][]) {
  for (const call of calls) {
    const [method = '', template = ''] = call.split(' ');
    const key = `${method} ${template.split('/', 2)[1] ?? ''}`;
    ROUTES.set(key, [...ROUTES.get(key) ?? [], { endpoint, path: patternOf(template) }]);
  }
}

function patternOf(template: string): RegExp {
  const source = template.replaceAll(/\{id\}|\{ref\}|[.*+?^$()|[\]\\]/g, (part) => (part === '{id}' ? '[^/]+' : part === '{ref}' ? '.+' : `\\${part}`));
  return new RegExp(`^${source}$`);
}

/** The kinds of a call, by its `apiPath`: empty if unknown; several if the table is ambiguous. */
export function endpointsOf(method: string, path: string): readonly Endpoint[] {
  const routes = [...ROUTES.get(`${method} ${path.split('/', 2)[1] ?? ''}`) ?? [], ...ROUTES.get(`${method} `) ?? []];
  return [...new Set(routes.filter((route) => route.path.test(path)).map(({ endpoint }) => endpoint))];
}
