// An older major version of the TypeScript SDK, which many still use: the same resources, more briefly.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Cloudflare from 'cloudflare4';
import { all, enrol, scorer, world } from './world.mjs';

const cf = new Cloudflare({ baseURL: world.base, apiToken: world.token, apiEmail: null, apiKey: null, maxRetries: 0 });
const { zeroTrust: zt } = cf;
const here = { account_id: world.account };
const everyone = [{ everyone: {} }];

test('service tokens', async () => {
  const made = await zt.access.serviceTokens.create({ ...here, name: 'older' });
  assert.equal((await zt.access.serviceTokens.update(made.id, { ...here, name: 'renamed' })).name, 'renamed');
  assert.notEqual((await zt.access.serviceTokens.rotate(made.id, here)).client_secret, made.client_secret);
  await zt.access.serviceTokens.refresh(made.id, here);
  assert.equal((await all(zt.access.serviceTokens.list({ ...here, per_page: 1 }))).length, 1);
  await zt.access.serviceTokens.delete(made.id, here);
  await assert.rejects(zt.access.serviceTokens.get(made.id, here), (err) => err instanceof Cloudflare.NotFoundError && err.errors[0].code === 12135);
});

test('applications, policies and groups', async () => {
  const group = await zt.access.groups.create({ ...here, name: 'older', include: everyone });
  const policy = await zt.access.policies.create({ ...here, name: 'older', decision: 'allow', include: [{ group: { id: group.id } }] });
  const app = await zt.access.applications.create({ ...here, name: 'Older', type: 'self_hosted', domain: 'older.example.com', policies: [policy.id] });
  assert.equal(app.policies[0].id, policy.id);
  const own = await zt.access.applications.policies.create(app.id, { ...here, name: 'own', decision: 'bypass', include: everyone, precedence: 2 });
  await zt.access.applications.policies.update(app.id, own.id, { ...here, name: 'mine', decision: 'bypass', include: everyone, precedence: 3 });
  assert.equal((await all(zt.access.applications.policies.list(app.id, here))).length, 2);
  assert.equal((await zt.access.applications.update(app.id, { ...here, name: 'Renamed', type: 'self_hosted', domain: 'older.example.com' })).aud, app.aud);
  await zt.access.applications.delete(app.id, here);
  await zt.access.policies.delete(policy.id, here);
  await zt.access.groups.delete(group.id, here);
});

test('posture and devices', async () => {
  const config = { api_url: await scorer(), access_client_id: 'id.access', access_client_secret: 'secret' };
  const made = await zt.devices.posture.integrations.create({ ...here, name: 'older', type: 'custom_s2s', interval: '10m', config });
  const rule = await zt.devices.posture.create({ ...here, name: 'older', type: 'custom_s2s', input: { connection_id: made.id, operator: '>=', score: 70 } });
  assert.equal((await all(zt.devices.posture.list(here))).length, 1);
  await zt.devices.posture.delete(rule.id, here);
  await zt.devices.posture.integrations.delete(made.id, here);
  await enrol(3);
  const devices = await all(zt.devices.list(here));
  assert.equal(devices.length, 3);
  await zt.devices.revoke.create({ ...here, body: devices.map((d) => d.id) });
  for (const d of await all(zt.devices.devices.list({ ...here, active_registrations: 'include' }))) await zt.devices.devices.delete(d.id, here);
});

test('what there is one of', async () => {
  assert.ok((await zt.organizations.list(here)).auth_domain);
  assert.ok((await zt.access.keys.get(here)).key_rotation_interval_days > 0);
  assert.equal((await cf.user.tokens.verify()).status, 'active');
  assert.ok((await all(cf.auditLogs.list({ ...here, per_page: 50 }))).length > 0);
});
