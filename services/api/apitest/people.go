package apitest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/v4"
)

// ConsoleAUD is the audience of the console's application in a fixture with [WithConsole].
var ConsoleAUD = strings.Repeat("c", 64)

// WithConsole is an option of [Start]: people who come through [Fixture.StartConsole]'s application are authenticated.
func WithConsole(c *api.Config) { c.ConsoleAudiences = []string{ConsoleAUD} }

// Console is the application that people come through, with an exchange that signs their tokens.
type Console struct {
	f        *Fixture
	Key      *rsa.PrivateKey
	Provider proto.ID
	App      *proto.Application
}

// signingKey is generated once, because generating it is slow.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// keyID is the id of the signing key.
const keyID = "one"

// StartConsole stores the console's application, which admits everyone, and an identity provider, and starts a stand-in
// for the exchange that publishes the signing key. It returns once the api knows the key.
func (f *Fixture) StartConsole() *Console {
	f.T.Helper()
	c := &Console{f: f, Key: signingKey(), Provider: proto.NewID()}
	c.App = &proto.Application{ID: proto.NewID(), Name: "console", Type: "self_hosted", AUD: ConsoleAUD,
		Domains: []string{"console.example.com"}}
	everyone := &proto.Policy{ID: proto.NewID(), Name: "everyone", Decision: proto.DecisionAllow, Owner: c.App.ID,
		Include: []proto.Rule{{Selector: "everyone", Body: []byte("{}")}}, Sent: []byte(`{"name":"everyone","decision":"allow"}`)}
	c.App.Policies = []proto.PolicyLink{{Policy: everyone.ID, Precedence: 1}}
	f.StoreConfig(topology.KindPolicy, everyone.ID, everyone)
	f.StoreConfig(topology.KindIDP, c.Provider, &proto.IdentityProvider{ID: c.Provider, Name: "idp", Type: proto.TypeOIDC})
	f.StoreConfig(topology.KindApplication, c.App.ID, c.App)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &c.Key.PublicKey, KeyID: keyID, Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		f.T.Fatal(err)
	}
	conn := f.Bus.Conn(topology.Exchange)
	f.run("the exchange's keys", func(ctx context.Context) error {
		return conn.Answer(ctx, bus.Endpoint{Subject: topology.Certs, Role: topology.Exchange,
			Handle: func(context.Context, *bus.Msg) proto.Message { return &proto.CertsAnswer{Certs: set} },
			Refuse: func(err error) proto.Message {
				return &proto.CertsAnswer{Error: &proto.Error{Code: "busy", Message: err.Error()}}
			}})
	})
	bustest.Eventually(f.T, "the api knows the public keys", func() bool {
		f.Clock.Advance(time.Second) // to the next try
		return f.Through("none", "GET", "/plumbline/me", nil).Status != http.StatusServiceUnavailable
	})
	return c
}

// StoreConfig stores a record of CONFIG, whatever its revision.
func (f *Fixture) StoreConfig(kind topology.Kind, id proto.ID, m proto.Message) {
	f.T.Helper()
	put := bus.Outgoing{Subject: topology.BucketSubject(topology.Config, topology.ConfigKey(f.Account, kind, id)), Body: m}
	if _, err := f.Conn.Publish(f.T.Context(), put); err != nil {
		f.T.Fatal(err)
	}
}

// Login stores a session of a person, who logged in just now for an hour.
func (c *Console) Login(email string) *proto.Session {
	c.f.T.Helper()
	now := proto.At(c.f.Clock.Now())
	s := &proto.Session{
		Nonce:     strings.ToLower(rand.Text()[:16]),
		Email:     email,
		Name:      "Somebody",
		IDP:       c.Provider,
		StartedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
	c.f.StoreLogin(s)
	return s
}

// Claims returns the claims of an application token for a session.
func (c *Console) Claims(s *proto.Session) map[string]any {
	now := c.f.Clock.Now().Unix()
	return map[string]any{"type": "app", "aud": []string{ConsoleAUD}, "iss": "https://team.example.com", "iat": now,
		"nbf": now, "exp": now + 3600, "sub": s.User.String(), "email": s.Email, "identity_nonce": s.Nonce, "country": "DE"}
}

// Sign returns a token with claims, signed by the exchange's key.
func (c *Console) Sign(claims map[string]any) string {
	c.f.T.Helper()
	return c.SignWith(jose.RS256, c.Key, claims)
}

// SignWith returns a token signed with any algorithm and key, under the id of the exchange's key.
func (c *Console) SignWith(alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	c.f.T.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		c.f.T.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", keyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		c.f.T.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		c.f.T.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		c.f.T.Fatal(err)
	}
	return token
}

// Member stores a member with roles, and returns the application token of a login of theirs.
func (c *Console) Member(email string, roles ...string) string {
	c.f.T.Helper()
	id := topology.MemberID(c.f.Account, email)
	c.f.StoreConfig(topology.KindMember, id, &proto.Member{ID: id, Email: email, Roles: roles})
	return c.Sign(c.Claims(c.Login(email)))
}

// Through is like [Fixture.Do] with the application token of a person in place of an API token.
func (f *Fixture) Through(token, method, path string, body any) Response {
	f.T.Helper()
	return f.Send(f.PersonRequest(token, method, f.Path(path), body))
}

// PersonRequest is like [Fixture.Request] with the application token of a person in place of an API token.
func (f *Fixture) PersonRequest(token, method, path string, body any) *http.Request {
	f.T.Helper()
	req := f.Request(method, path, body)
	req.Header.Del("Authorization")
	req.Header.Set(v4.HeaderAssertion, token)
	return req
}
