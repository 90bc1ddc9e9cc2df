package login

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

const probesAtOnce = 4

// AnswerProbes tests the identity providers that the control plane asks about, until ctx ends.
func (l *Login) AnswerProbes(ctx context.Context) error {
	return l.conn.Answer(ctx, bus.Endpoint{
		Subject: topology.AllProviderProbes, Role: topology.Gateway, Workers: probesAtOnce,
		Handle: func(ctx context.Context, m *bus.Msg) proto.Message {
			var q proto.ProviderProbe
			if err := m.Decode(&q); err != nil {
				l.log.Error("a provider probe cannot be read", "subject", m.Subject, "err", err)
				return defect("request",
					"The gateway does not understand the request: run api and gateways of the same version.").answer()
			}
			ctx, cancel := context.WithTimeout(ctx, callTime)
			defer cancel()
			found := l.providers.probe(ctx, &q)
			l.log.Info("probed an identity provider", "account", topology.AccountOf(m.Subject), "provider", q.Provider,
				"failure", found.kind)
			return found.answer()
		},
		Refuse: func(error) proto.Message {
			return defect("busy", "The gateways are busy: save again in a moment.").answer()
		},
	})
}

// finding is what a probe found wrong: a name for metrics, and sentences that say what to do. Its zero value is a
// provider that can be used.
type finding struct{ kind, text string }

func defect(kind, format string, args ...any) finding {
	return finding{kind, fmt.Sprintf(format, args...)}
}

func (f finding) answer() *proto.ProviderProbeAnswer {
	if len(f.text) > proto.MaxPollDetail {
		f.text = strings.ToValidUTF8(f.text[:proto.MaxPollDetail], "")
	}
	return &proto.ProviderProbeAnswer{Failure: f.kind, Detail: f.text}
}

// probe makes the calls of a login that need no person: it fetches the provider's discovery document and keys, and
// reaches its token endpoint.
func (p *providers) probe(ctx context.Context, q *proto.ProviderProbe) finding {
	if len(q.SealedSecret) > 0 {
		if _, err := seal.Open(p.identities, q.Provider.String(), q.SealedSecret); err != nil {
			return defect("secret", "The gateway cannot open the client secret, which was sealed to another one: "+
				"start the api with the gateway's recipient (--seal-gateway), then set the secret again.")
		}
	}
	token, certs := q.TokenURL, q.CertsURL
	if q.Issuer != "" {
		found, wrong := p.describe(ctx, q)
		if wrong.kind != "" {
			return wrong
		}
		token, certs = cmp.Or(token, found.token), cmp.Or(certs, found.keys)
	}
	if wrong := p.fetchKeys(ctx, certs); wrong.kind != "" {
		return wrong
	}
	// No endpoint can be told to test a secret. Any answer shows that codes can be sent there.
	_, _, wrong := p.fetch(ctx, "token endpoint", "token_url", token)
	return wrong
}

// endpoints are the URLs of a discovery document that the gateway itself calls.
type endpoints struct{ token, keys string }

// describe fetches the discovery document and checks its issuer.
func (p *providers) describe(ctx context.Context, q *proto.ProviderProbe) (endpoints, finding) {
	at := strings.TrimSuffix(q.Issuer, "/") + "/.well-known/openid-configuration"
	what := "discovery document"
	status, body, wrong := p.fetch(ctx, what, "x_issuer", at)
	var document struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
		JWKS   string `json:"jwks_uri"`
	}
	switch {
	case wrong.kind != "":
	case status != http.StatusOK:
		wrong = defect("status",
			"The provider answered %d in place of its discovery document at %s: config.x_issuer must be "+
				"the URL in front of /.well-known/openid-configuration.", status, shown(at))
	case json.Unmarshal(body, &document) != nil:
		wrong = defect("document",
			"The answer at %s is no discovery document, which is JSON of at most %d bytes: config.x_issuer must be "+
				"the URL in front of /.well-known/openid-configuration.", shown(at), callSize)
	case document.Issuer != q.Issuer:
		wrong = defect("issuer",
			"The provider calls itself %q and config.x_issuer is %q: set it to the provider's own name, "+
				"which its ID tokens carry.", shown(document.Issuer), shown(q.Issuer))
	}
	if wrong.kind != "" && wrong.kind != "issuer" && q.Complete {
		wrong.text += " Logins use the endpoints that are set meanwhile."
	}
	return endpoints{document.Token, document.JWKS}, wrong
}

// fetchKeys fetches the provider's public keys.
func (p *providers) fetchKeys(ctx context.Context, at string) finding {
	status, body, wrong := p.fetch(ctx, "provider's keys", "certs_url", at)
	var keys jose.JSONWebKeySet
	switch {
	case wrong.kind != "":
		return wrong
	case status != http.StatusOK:
		return defect("status", "The provider answered %d in place of its keys at %s: check config.certs_url.", status,
			shown(at))
	case json.Unmarshal(body, &keys) != nil || len(keys.Keys) == 0:
		return defect("keys", "The answer at %s has no keys (a JSON Web Key Set): check config.certs_url.", shown(at))
	}
	return finding{}
}

// fetch makes one call of at most callTime. member is the setting that the URL comes from, unless the discovery
// document names it.
func (p *providers) fetch(ctx context.Context, what, member, at string) (status int, body []byte, wrong finding) {
	if at == "" {
		return 0, nil, defect("document", "The discovery document does not say where the %s is: set config.%s.", what, member)
	}
	failed := func(err error) (int, []byte, finding) {
		e := egress.Explain(err)
		return 0, nil,
			defect(string(e.Kind), "The %s at %s cannot be fetched. %s Check config.%s.", what, shown(at), e.Sentence, member)
	}
	u, err := egress.ParseURL(at)
	if err != nil {
		return failed(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return failed(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return resp.StatusCode, nil, finding{} // which no document and no key set is
	}
	if err != nil {
		return failed(err)
	}
	return resp.StatusCode, body, finding{}
}
