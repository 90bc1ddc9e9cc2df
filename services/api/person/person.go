// Package person authenticates people who come through the gateway: it verifies the application token of the console,
// and finds the member of the account whose roles are the person's permissions.
//
// Only tokens of configured audiences count, since every application's origin receives tokens of its own visitors and
// could pass them on. Each request is checked against the newest session and the newest member: a person who logged out
// or was removed is denied at once.
package person

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/teamdomain"
)

// Config configures the authentication of people.
type Config struct {
	// TeamDomain is the issuer of application tokens, a URL.
	TeamDomain string
	// Audiences are the AUDs of the applications whose tokens count. Without one, no person is authenticated.
	Audiences []string
	// Refuses decides whether the application's policies still admit a person.
	Refuses Refuses
}

// API authenticates people. It is safe for concurrent use.
type API struct {
	store     *store.Store
	keys      *keycache.Cache // nil without audiences
	audiences []string
	admission *admission
	origins   *http.CrossOriginProtection

	mu       sync.Mutex
	revision uint64 // of the applications below
	apps     map[string]catalog.Record[proto.Application]
}

// AUD matches the audience tag of an application.
var AUD = regexp.MustCompile(`^[0-9a-f]{64}$`)

// New returns the authentication of people.
func New(cfg Config, s *store.Store, log *slog.Logger) (*API, error) {
	a := &API{store: s, audiences: cfg.Audiences, origins: http.NewCrossOriginProtection(),
		admission: &admission{store: s, refuses: cfg.Refuses, decided: map[proto.ID]decided{}}}
	if len(cfg.Audiences) == 0 {
		return a, nil
	}
	for _, aud := range cfg.Audiences {
		if !AUD.MatchString(aud) {
			return nil, fmt.Errorf("the console's audience (--console-aud) %q is not the AUD of an application: 64 "+
				"characters of 0-9 and a-f", aud)
		}
	}
	issuer, err := teamdomain.Issuer(cfg.TeamDomain)
	if err != nil {
		return nil, fmt.Errorf("people cannot be authenticated (--console-aud): %w", err)
	}
	a.keys, err = keycache.New(keycache.Config{Issuer: issuer, Verified: 4096},
		keycache.Deps{Bus: s.Conn, Log: log, Clock: s.Clock})
	return a, err
}

// Run keeps the public keys up to date until ctx ends.
func (p *API) Run(ctx context.Context) error {
	if p.keys == nil {
		<-ctx.Done()
		return nil
	}
	return p.keys.Run(ctx)
}

// Authenticated is a person, with the account that they are a member of and their permissions as those of a token.
type Authenticated struct {
	Account proto.Account
	Person  *v4.Person
	Token   *proto.APIToken
}

// maxKeyAge is how long the last known public keys count. The exchange removes a compromised key from its document.
const maxKeyAge = 5 * time.Minute

// Authenticate returns the person of a request with an application token in [v4.HeaderAssertion]. named is the account
// in the request's path, zero if there is none.
func (p *API) Authenticate(ctx context.Context, r *http.Request, named proto.Account) (*Authenticated, error) {
	values := r.Header.Values(v4.HeaderAssertion)
	if p.keys == nil || len(values) != 1 {
		return nil, errAuthentication
	}
	// A gateway adds the token to each request of a browser, even to one that another site caused.
	if err := p.origins.Check(r); err != nil {
		return nil, v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: the request comes from another site")
	}
	aud, claims, err := p.verify(values[0])
	if err != nil {
		return nil, err
	}
	if err := p.store.Fresh(ctx); err != nil {
		return nil, err
	}
	app, found := p.application(aud)
	switch {
	case !found:
		return nil, denied("the console's application does not exist")
	case claims.IssuedAt.Before(app.Value.Gate.RevokedAt.Time()):
		return nil, denied("the application token was revoked")
	}
	session, err := p.session(ctx, app, claims)
	if err != nil {
		return nil, err
	}
	if !named.IsZero() && named != app.Account {
		return nil, errOtherAccount
	}
	who, err := p.member(app.Account, session)
	if err != nil {
		return nil, err
	}
	if err := p.admission.check(ctx, app, session); err != nil {
		return nil, err
	}
	return who, nil
}

// verify returns the claims of a person's token for one of the audiences.
func (p *API) verify(token string) (aud string, claims *keycache.Claims, err error) {
	if at := p.keys.Confirmed(); !at.IsZero() && p.store.Clock.Now().Sub(at) > maxKeyAge {
		return "", nil, v4.Unavailable(keycache.ErrUnavailable, "the public keys are too old to verify the application token")
	}
	for _, aud = range p.audiences {
		if claims, err = p.keys.Verify(token, aud); !errors.Is(err, keycache.ErrAudience) {
			break
		}
	}
	switch {
	case errors.Is(err, keycache.ErrNoKeys):
		return "", nil, v4.Unavailable(err, "the public keys to verify the application token are not known yet: try again")
	case err != nil:
		return "", nil, denied(err.Error())
	case claims.CommonName != "" || claims.Email == "" || claims.Subject == "" || !nonceForm.MatchString(claims.Nonce):
		return "", nil, denied("the application token is not a person's")
	}
	return aud, claims, nil
}

// nonceForm matches the nonces of sessions; other text must not get into subjects.
var nonceForm = regexp.MustCompile(`^[0-9A-Za-z]{16}$`)

// application returns the one application with an audience of the configuration.
func (p *API) application(aud string) (catalog.Record[proto.Application], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.store.Catalog.RevisionOf(topology.KindApplication); p.apps == nil || now != p.revision {
		p.revision, p.apps = now, map[string]catalog.Record[proto.Application]{}
		twice := map[string]bool{}
		for _, app := range p.store.Catalog.AllApplications() {
			aud := app.Value.AUD
			if app.Unreadable || !slices.Contains(p.audiences, aud) {
				continue
			}
			if _, there := p.apps[aud]; there || twice[aud] {
				twice[aud] = true
				delete(p.apps, aud)
				continue
			}
			p.apps[aud] = app
		}
	}
	app, found := p.apps[aud]
	return app, found
}

// session returns the session behind a token, as the bucket's leader has it now.
func (p *API) session(ctx context.Context, app catalog.Record[proto.Application],
	claims *keycache.Claims) (*proto.Session, error) {
	subject := topology.BucketSubject(topology.Sessions, topology.SessionKey(app.Account, claims.Nonce))
	m, err := p.store.Conn.LeaderLast(ctx, topology.BucketStream(topology.Sessions), subject)
	s := new(proto.Session)
	switch {
	case errors.Is(err, bus.ErrNotFound) || err == nil && m.Deleted():
		return nil, denied("the session has ended")
	case err != nil:
		return nil, v4.Unavailable(err, "the sessions are temporarily unavailable: try again")
	}
	if err := m.Decode(s); err != nil {
		return nil, denied("the session cannot be read")
	}
	switch {
	case s.Nonce != claims.Nonce, s.User.String() != claims.Subject, !strings.EqualFold(s.Email, claims.Email):
		return nil, denied("the session is not that of the application token")
	case s.ExpiresAt <= proto.At(p.store.Clock.Now()):
		return nil, denied("the session has ended")
	case p.store.Catalog.Revoked(app.Account, s):
		return nil, denied("the session was revoked")
	case !p.store.Catalog.TakesLogins(app, s.IDP):
		return nil, denied("the application no longer accepts the identity provider of the login")
	}
	return s, nil
}

// member returns the member with the address of a session. Addresses beyond ASCII never match: their letters may fold
// into others.
func (p *API) member(a proto.Account, s *proto.Session) (*Authenticated, error) {
	m, found := p.store.Catalog.Member(a, topology.MemberID(a, s.Email))
	switch {
	case !v4.IsEmail(s.Email) || !found || !strings.EqualFold(m.Value.Email, s.Email):
		return nil, v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized, "Unauthorized to access requested resource: %s is "+
			"not a member of the account: an administrator can add members", v4.Quote(s.Email))
	case m.Value.Pending:
		return nil, v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized, "Unauthorized to access requested resource: the "+
			"membership of %s is pending: an administrator can change its status to accepted", v4.Quote(s.Email))
	}
	email := strings.ToLower(s.Email)
	token := permission.OfRoles(m.Value.Roles)
	token.ID, token.Name, token.Email = m.Value.ID, email, email
	return &Authenticated{Account: a, Token: token,
		Person: &v4.Person{User: s.User, Email: email, Name: s.Name, Roles: m.Value.Roles, Until: s.ExpiresAt}}, nil
}

func denied(why string) error {
	return v4.Errorf(http.StatusForbidden, v4.CodeAuthentication, "Authentication error: %s", why)
}

var (
	errAuthentication = v4.Errorf(http.StatusForbidden, v4.CodeAuthentication, "Authentication error")
	errOtherAccount   = v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
		"Unauthorized to access requested resource")
)
