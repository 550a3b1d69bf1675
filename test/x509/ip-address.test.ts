import { isIP } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { formatCidr, formatIpAddress, isV4Mapped, looksLikeAddress, parseCidr, parseIpAddress } from '../../src/x509/ip-address.ts';
import { codeOf, hex, toHex } from './assert.ts';

t.test('addresses have one canonical text (RFC 5952 4)', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    '10.0.0.1': '10.0.0.1',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '2001:0DB8:0:0:0:0:0:1': '2001:db8::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '1:2:3:4:5:6:0:0': '1:2:3:4:5:6::',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
  };
  for (const [text, canonical] of Object.entries(cases)) t.equal(formatIpAddress(parseIpAddress(text)!), canonical, text);
});

t.test('what is no address is not read as one', async (t) => {
  const cases = [
    '', '1', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', '0x1.2.3.4', '1.2.3.-4', ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '1:2:3:4:5:6:7::8',
    'g::', '12345::', 'fe80::1%eth0', '[::1]', '::1.2.3', '1.2.3.4::', '::1.2.3.4:5', ':1:2:3:4:5:6:7', '1:2:3:4:5:6:7:', '١.2.3.4',
  ];
  for (const text of cases) t.equal(parseIpAddress(text), undefined, JSON.stringify(text));
});

t.test('the text of any octets is read as the same octets, by us and by Node', async (t) => {
  for (const length of [4, 16]) {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: length, maxLength: length }), (list) => {
      const octets = Uint8Array.from(list);
      const text = formatIpAddress(octets);
      t.equal(isIP(text), length === 4 ? 4 : 6, text);
      t.equal(toHex(parseIpAddress(text)!), toHex(octets), text);
      if (length === 16) t.equal(new URL(`http://[${text}]`).hostname, `[${text}]`);
    }));
  }
  t.equal(codeOf(() => formatIpAddress(hex('0a0000'))), 'bad-ip-address');
});

t.test('IPv4 in IPv6 is known', async (t) => {
  t.equal(isV4Mapped(parseIpAddress('::ffff:127.0.0.1')!), true);
  t.equal(isV4Mapped(parseIpAddress('::ffff:0:1')!), true);
  t.equal(isV4Mapped(parseIpAddress('::fffe:127.0.0.1')!), false);
  t.equal(isV4Mapped(parseIpAddress('1::ffff:127.0.0.1')!), false);
});

t.test('networks', async (t) => {
  t.equal(toHex(parseCidr('10.0.0.0/8')!), '0a000000ff000000');
  t.equal(toHex(parseCidr('192.168.4.0/22')!), 'c0a80400fffffc00');
  t.equal(toHex(parseCidr('0.0.0.0/0')!), '0000000000000000');
  for (const text of ['10.0.0.0/8', '1.2.3.4/32', '0.0.0.0/0', '2001:db8::/33', '::/0', '::1/128']) t.equal(formatCidr(parseCidr(text)!), text);
  for (const text of ['10.0.0.1/8', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '::/129', 'a/8', '/8']) t.equal(parseCidr(text), undefined, text);
  for (const octets of ['0a000000 ff00ff00', '0a000001 ff000000', '0a000000', '']) t.equal(codeOf(() => formatCidr(hex(octets))), 'bad-ip-address', octets);
});

t.test('what could be taken for an address is known', async (t) => {
  for (const text of ['10.0.0.1', '127.1', '010.0.0.1', '10.0.0.1.', '::1', '[::1]', 'fe80::1%eth0', '999.1.1.1']) t.equal(looksLikeAddress(text), true, text);
  for (const text of ['example.com', '1.example', '12345', 'a:b', 'Node 10.0.0.1', '']) t.equal(looksLikeAddress(text), false, text);
});
