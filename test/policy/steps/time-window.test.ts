import t from 'tap';
import type { Candidate, Facts, Verdict } from '../../../src/policy/eligibility.ts';
import { isZone, type TimeWindowSetting, timeWindowStep } from '../../../src/policy/steps/time-window.ts';

const OFFICE = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' } as const;
const SETTING: TimeWindowSetting = { zone: 'Europe/Berlin', windows: [OFFICE], outside: 'refuse' };

const at = (setting: Partial<TimeWindowSetting>, time: string, { profile = 'server', kind = 'api-key' } = {}): Verdict => {
  const facts = { question: () => ({ time: Date.parse(time), requester: { kind, name: 'x' } }) } as unknown as Facts;
  return timeWindowStep({ ...SETTING, ...setting }).check({ profile: { name: profile } } as Candidate, facts, []) as Verdict;
};

t.test('open and closed by the clock of the zone, summer and winter', async (t) => {
  for (const [time, outcome] of [
    ['2026-07-15T06:00:00Z', 'passed'], ['2026-07-15T05:59:59Z', 'failed'], ['2026-07-15T15:59:59Z', 'passed'], ['2026-07-15T16:00:00Z', 'failed'],
    ['2026-01-14T07:00:00Z', 'passed'], ['2026-01-14T06:59:00Z', 'failed'], ['2026-07-18T10:00:00Z', 'failed'], ['2026-07-19T10:00:00Z', 'failed'], ['2026-07-20T10:00:00Z', 'passed'],
  ] as const) t.equal(at({}, time).outcome, outcome, time);
  t.match(at({}, '2026-07-15T10:00:00Z').reason, 'Wed 12:00 Europe/Berlin lies within 08:00 to 18:00 on Mon, Tue, Wed, Thu, Fri');
});

t.test('outside, it is told when it opens', async (t) => {
  const { reason, faults } = at({}, '2026-07-17T16:30:00Z');
  t.equal(reason, 'Fri 18:30 Europe/Berlin lies outside 08:00 to 18:00 on Mon, Tue, Wed, Thu, Fri; it opens at Mon 08:00 Europe/Berlin (2026-07-20T06:00:00.000Z)');
  t.equal(faults?.[0]?.code, 'outside-window');
  t.match(at({ outside: 'wait' }, '2026-07-17T16:30:00Z'), { outcome: 'waiting', again: Date.parse('2026-07-20T06:00:00Z'), reason: /or an operator approves/ });
});

t.test('several windows, over midnight, and every day', async (t) => {
  const night = { windows: [{ days: ['sat'] as const, from: '22:00', to: '04:00' }, { from: '12:00', to: '13:00' }] };
  for (const [time, outcome] of [
    ['2026-07-18T20:30:00Z', 'passed'], ['2026-07-19T01:59:00Z', 'passed'], ['2026-07-19T02:00:00Z', 'failed'], ['2026-07-17T20:30:00Z', 'failed'], ['2026-07-14T10:30:00Z', 'passed'],
  ] as const) t.equal(at(night, time).outcome, outcome, time);
  t.match(at(night, '2026-07-18T19:00:00Z').reason, /opens at Sat 22:00 /);
});

t.test('nights on which the clocks are put forward or back', async (t) => {
  // 2026-03-29: 02:00 becomes 03:00 in Berlin. 2026-10-25: 03:00 becomes 02:00.
  const early = { windows: [{ from: '02:30', to: '02:45' }], outside: 'wait' } as const;
  t.equal(at(early, '2026-03-28T12:00:00Z').again, Date.parse('2026-03-30T00:30:00Z'), 'left out on that day');
  t.equal(at(early, '2026-10-24T12:00:00Z').again, Date.parse('2026-10-25T00:30:00Z'), 'the first of two');
  const morning = { windows: [{ from: '06:00', to: '07:00' }], outside: 'wait' } as const;
  t.equal(at(morning, '2026-03-28T12:00:00Z').again, Date.parse('2026-03-29T04:00:00Z'));
  t.equal(at(morning, '2026-10-24T12:00:00Z').again, Date.parse('2026-10-25T05:00:00Z'));
  const across = { windows: [{ from: '02:30', to: '05:00' }], outside: 'wait' } as const;
  t.equal(at(across, '2026-03-28T12:00:00Z').again, Date.parse('2026-03-29T01:00:00Z'), 'what is left of it');
  for (const zone of ['Pacific/Chatham', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/St_Johns']) {
    const { again = 0 } = at({ ...morning, zone }, '2026-10-03T12:00:00Z');
    t.equal(at({ ...morning, zone }, new Date(again).toISOString()).outcome, 'passed', zone);
    t.equal(at({ ...morning, zone }, new Date(again - 60_000).toISOString()).outcome, 'waiting', zone);
  }
});

t.test('whom it does not concern', async (t) => {
  t.equal(at({ profiles: ['client'] }, '2026-07-18T10:00:00Z').outcome, 'passed');
  t.equal(at({ profiles: ['client'] }, '2026-07-18T10:00:00Z', { profile: 'client' }).outcome, 'failed');
  t.match(at({}, '2026-07-18T10:00:00Z', { kind: 'service' }), { outcome: 'passed', reason: /the service itself/ });
});

t.test('zones are those of the database', async (t) => {
  for (const zone of ['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires']) t.ok(isZone(zone), zone);
  for (const zone of ['', 'Berlin', 'Europe/Atlantis', '+02:00', '../../etc/passwd']) t.notOk(isZone(zone), zone);
});

t.test('an opening far away is found at once', async (t) => {
  const began = performance.now();
  for (let n = 0; n < 100; n += 1) at({ windows: [{ days: ['sun'], from: '12:00', to: '12:01' }] }, '2026-07-19T10:01:00Z');
  t.ok(performance.now() - began < 1500, `${(performance.now() - began) / 100} ms each`);
});
