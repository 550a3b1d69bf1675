import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { repositoryFile } from './repository.ts';

const FOLDERS = ['.', 'docs', 'docs/decisions', 'bench'];
const pages = FOLDERS.flatMap((folder) => readdirSync(repositoryFile(folder)).filter((name) => name.endsWith('.md')).map((name) => normalize(join(folder, name))));

/** Without its blocks of code: what looks like a link there is none. */
const textOf = (page: string): string => readFileSync(repositoryFile(page), 'utf8').replace(/^ *```.*?^ *```/gms, '');

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string => heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-');

const anchorsIn = (page: string): string[] => [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));

t.test('what the pages link to is there', async (t) => {
  t.ok(pages.length > 40);
  for (const page of pages) {
    for (const [, link = ''] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      t.ok(existsSync(repositoryFile(target)), `${page}: ${link}`);
      if (anchor !== undefined && target.endsWith('.md')) t.ok(anchorsIn(target).includes(anchor), `${page}: ${link}`);
    }
  }
});
