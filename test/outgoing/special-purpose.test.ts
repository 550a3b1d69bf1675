import t from 'tap';
import { makeAddressGuard } from '../../src/outgoing/address-guard.ts';
import { type Network, parseNetwork } from '../../src/outgoing/network.ts';

const network = (text: string): Network => parseNetwork(text) ?? t.fail(text) as never;

const REFUSED = [
  '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255',
  '192.0.0.1', '192.0.0.170', '192.0.2.1', '192.31.196.1', '192.52.193.1', '192.88.99.1', '192.168.0.1', '192.175.48.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1',
  '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255',
  '::', '::1', '::2', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::8.8.8.8', '64:ff9b::127.0.0.1', '64:ff9b::a00:1', '64:ff9b:1::8.8.8.8', '100::1', '100:0:0:1::1', '2001::1', '2001:0:53aa:64c::1',
  '2001:2::1', '2001:10::1', '2001:20::1', '2001:db8::1', '2002:7f00:1::', '2002:808:808::1', '2620:4f:8000::1', '3fff::1', '5f00::1', 'fc00::1', 'fd12:3456::1', 'fe80::1', 'febf::1', 'fec0::1',
  'ff02::1', '4000::1', '1::1', '8000::1', 'e000::1',
  // Not of the one form: nobody may read it in another way than we do.
  '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', 'fe80::1%eth0', '[::1]', '', 'localhost', '8.8.8.8 ', '08.8.8.8',
];
const OPEN = ['8.8.8.8', '1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '128.0.0.1', '172.15.255.255', '172.32.0.0', '192.0.1.1', '198.17.255.255', '198.20.0.0', '223.255.255.255',
  '2606:4700::1111', '2001:4860:4860::8888', '2a00::1', '2400::1', '2001:200::1', '2003::1', '64:ff9b::8.8.8.8'];

t.test('an address that is not of the Internet at large is refused', async (t) => {
  const guard = makeAddressGuard([]);
  for (const address of REFUSED) t.type(guard(address), 'string', address);
  for (const address of OPEN) t.equal(guard(address), undefined, address);
});

t.test('the refusal says why', async (t) => {
  const guard = makeAddressGuard([]);
  t.equal(guard('10.1.2.3'), 'in 10.0.0.0/8 (private use, RFC 1918)');
  t.equal(guard('64:ff9b::10.0.0.1'), 'in 10.0.0.0/8 (private use, RFC 1918), by way of 64:ff9b::/96');
  t.equal(guard('4000::1'), 'outside 2000::/3 (not assigned, RFC 4291)');
  t.equal(guard('127.1'), 'no IP address');
});

t.test('what is permitted is called, and nothing beside it', async (t) => {
  const guard = makeAddressGuard([network('10.1.0.0/16'), network('fd00::/8'), network('127.0.0.2/32')]);
  for (const address of ['10.1.0.0', '10.1.255.255', 'fd00::1', 'fdff::1', '127.0.0.2', '8.8.8.8']) t.equal(guard(address), undefined, address);
  for (const address of ['10.0.255.255', '10.2.0.0', 'fc00::1', 'fe00::1', '127.0.0.1', '127.0.0.3']) t.type(guard(address), 'string', address);
});

t.test('an IPv4 network does not open its addresses in IPv6 clothes', async (t) => {
  const guard = makeAddressGuard([network('0.0.0.0/0')]);
  t.equal(guard('127.0.0.1'), undefined);
  for (const address of ['::ffff:127.0.0.1', '64:ff9b::127.0.0.1', '2002:7f00:1::', '::127.0.0.1']) t.type(guard(address), 'string', address);
});

t.test('networks are read strictly', async (t) => {
  for (const text of ['10.0.0.1/8', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0/8', 'fd00::/129', '', '*', 'example.com/8']) t.equal(parseNetwork(text), undefined, text);
});
