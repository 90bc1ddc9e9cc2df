// An OpenID Connect provider on loopback, with a form for login and password. Everything is in memory.
//
//   node provider.mjs '{"client_id":"...","client_secret":"...","redirect_uri":"...","users":{"ada@example.com":{"password":"..."}}}'
//
// prints "ready <issuer>" when it listens, and ends with its standard input.
import http from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';

const config = JSON.parse(process.argv[2]);
const server = http.createServer();

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = newProvider(issuer);
  const callback = provider.callback();
  server.on('request', (req, res) => {
    if (new URL(req.url, issuer).pathname.startsWith('/interaction/')) {
      interaction(provider, req, res);
    } else {
      callback(req, res);
    }
  });
  console.log(`ready ${issuer}`);
});
process.stdin.on('end', () => process.exit(0)).resume();

function newProvider(issuer) {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return new Provider(issuer, {
    clients: [{
      client_id: config.client_id,
      client_secret: config.client_secret,
      redirect_uris: [config.redirect_uri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    }],
    jwks: { keys: [{ ...key, kid: 'k1', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (ctx, id) => config.users[id] && {
      accountId: id,
      claims: () => ({ sub: `user-${id}`, email: id, email_verified: true, name: config.users[id].name }),
    },
    // The one client is the gateway: nobody is asked for consent.
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
}

async function interaction(provider, req, res) {
  try {
    const details = await provider.interactionDetails(req, res);
    let wrong = '';
    if (req.method === 'POST') {
      const form = new URLSearchParams(await body(req));
      const user = config.users[form.get('login')];
      if (user && user.password === form.get('password')) {
        const result = { login: { accountId: form.get('login'), amr: ['pwd'] } };
        await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
        return;
      }
      wrong = '<p id="wrong">Wrong login or password.</p>';
    }
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(`<!doctype html><title>Provider</title>${wrong}<form method="post">
<input id="login" name="login"><input id="password" name="password" type="password"><button id="submit">Log in</button>
</form><p id="prompt">${details.prompt.name}</p>`);
  } catch (err) {
    res.statusCode = 400;
    res.end(String(err.message));
  }
}

async function body(req) {
  let text = '';
  for await (const part of req) {
    text += part;
    if (text.length > 4096) throw new Error('the form is too long');
  }
  return text;
}
