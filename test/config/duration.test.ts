import t from 'tap';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { nearestName } from '../../src/config/near-name.ts';

t.test('durations are read in seconds', async (t) => {
  const cases: Readonly<Record<string, number | undefined>> = {
    '0': 0, '90': 90, '90s': 90, '15m': 900, '12h': 43_200, '30d': 2_592_000, '2w': 1_209_600, '1y': 31_536_000,
    '': undefined, s: undefined, '-1s': undefined, '1.5h': undefined, '1 h': undefined, '1h30m': undefined, '1H': undefined, ' 1s': undefined, '1s\n': undefined, '99999999999s': undefined,
  };
  for (const [text, seconds] of Object.entries(cases)) t.equal(parseDuration(text), seconds, JSON.stringify(text));
});

t.test('durations are written in the largest unit that fits', async (t) => {
  const cases = { '0s': 0, '1s': 1, '90s': 90, '2m': 120, '25h': 90_000, '7d': 604_800, '365d': 31_536_000 };
  for (const [text, seconds] of Object.entries(cases)) t.same([formatDuration(seconds), parseDuration(text)], [text, seconds]);
});

t.test('the near name is found, a far one is not', async (t) => {
  const names = ['body', 'connections', 'requestTime', 'wait'];
  const near = { bodyy: 'body', boyd: 'body', Body: 'body', requesttime: 'requestTime', conections: 'connections', wiat: 'wait', memory: undefined, '': undefined };
  for (const [text, expected] of Object.entries(near)) t.equal(nearestName(text, names), expected, text);
});
