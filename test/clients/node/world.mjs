// The installation that the clients are pointed at, and what they need around it.

import { createServer } from 'node:http';

export const world = {
  base: process.env.PLUMBLINE_BASE, // URL of the v4 API
  token: process.env.PLUMBLINE_TOKEN,
  account: process.env.PLUMBLINE_ACCOUNT,
  zone: '00112233445566778899aabbccddeeff',
  person: process.env.PLUMBLINE_PERSON, // e-mail address of somebody who has logged in
};

// scorer is a scoring API that gives every device 80. It ends with the process.
export function scorer() {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const result = Object.fromEntries(JSON.parse(body).devices.map((d) => [d.device_id, { s2s_id: '', score: 80 }]));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ result }));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      server.unref();
      resolve(`http://127.0.0.1:${server.address().port}/score`);
    });
  });
}

// enrol makes devices SN000 and on.
export async function enrol(count) {
  const rows = Array.from({ length: count }, (_, n) => `SN${String(n).padStart(3, '0')},host-${n},person${n % 2}@example.com`);
  const answer = await fetch(`${world.base}/accounts/${world.account}/plumbline/devices`, {
    method: 'POST', headers: { Authorization: `Bearer ${world.token}`, 'Content-Type': 'text/csv' },
    body: `serial_number,hostname,email\n${rows.join('\n')}\n`,
  });
  if (!answer.ok) throw new Error(`enrol: ${answer.status} ${await answer.text()}`);
}

// counted is fetch with a count of the requests, all of which go to the installation.
export function counted() {
  const send = async (url, init) => {
    if (!String(url).startsWith(world.base)) throw new Error(`a request to ${url}`);
    send.requests++;
    return fetch(url, init);
  };
  send.requests = 0;
  return send;
}

export async function all(list) {
  const items = [];
  for await (const item of list) {
    items.push(item);
    if (items.length > 1000) throw new Error('the list does not end');
  }
  return items;
}
