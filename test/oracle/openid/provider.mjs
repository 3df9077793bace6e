// An OpenID provider that others wrote, for one client: PORT CLIENT_ID SECRET.
import Provider from 'oidc-provider'

const [, , port, id, secret] = process.argv
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: id, client_secret: secret, redirect_uris: ['http://127.0.0.1/login/callback'],
    grant_types: ['authorization_code'], response_types: ['code']
  }],
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email'], groups: ['groups'] },
  conformIdTokenClaims: false, // groups and name stand in the ID token, as with most providers
  cookies: { keys: ['of a test'] },
  features: { devInteractions: { enabled: true } },
  findAccount: async (ctx, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, preferred_username: sub, email: `${sub}@example.com`, groups: ['ops'] })
  })
})
// The port of the server under test is not known before it asks.
const allowed = provider.Client.prototype.redirectUriAllowed
provider.Client.prototype.redirectUriAllowed = function (uri) {
  const u = new URL(uri)
  u.port = ''
  return u.hostname === '127.0.0.1' && allowed.call(this, u.href)
}
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))
