package sample

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"plumbline.dev/services/internal/clock"
)

// AssertionHeader is the header of the application token.
const AssertionHeader = "Cf-Access-Jwt-Assertion"

// verifier checks application tokens: RS256 by a key of the issuer, iss, aud and exp.
type verifier struct {
	issuer   string
	keys     *oidc.RemoteKeySet
	clock    clock.Clock
	audience atomic.Pointer[string] // nil until it is set
}

func newVerifier(issuer, certs string, c clock.Clock) *verifier {
	client := &http.Client{
		Timeout: 5 * time.Second,
		// The keys are fetched from the configured URL only.
		Transport:     &http.Transport{Proxy: nil, MaxIdleConns: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &verifier{issuer: issuer, keys: oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), certs),
		clock: c}
}

// refusal is the reason of an error response: a status, a code for programs and a sentence for people.
type refusal struct {
	status         int
	code, sentence string
}

var (
	noAudience = &refusal{http.StatusServiceUnavailable, "audience_unknown",
		"This API has not been told yet which application protects it. Try again in a second."}
	noKeys = &refusal{http.StatusServiceUnavailable, "keys_unavailable",
		"The issuer's public keys cannot be fetched now. Try again in a second."}
	noToken = &refusal{http.StatusForbidden, "token_missing",
		"Send an application token in the header " + AssertionHeader + "."}
	badToken = &refusal{http.StatusForbidden, "token_invalid", "The application token is not valid for this API."}
)

// check returns nil for a request with one valid token. The error is for the log.
func (v *verifier) check(r *http.Request) (*refusal, error) {
	audience := v.audience.Load()
	if audience == nil {
		return noAudience, nil
	}
	tokens := r.Header.Values(AssertionHeader)
	if len(tokens) == 0 {
		return noToken, nil
	}
	if len(tokens) > 1 {
		return badToken, nil
	}
	keys := &watchedKeys{KeySet: v.keys}
	_, err := oidc.NewVerifier(v.issuer, keys, &oidc.Config{
		ClientID: *audience, SupportedSigningAlgs: []string{oidc.RS256}, Now: v.clock.Now,
	}).Verify(r.Context(), tokens[0])
	switch {
	case err == nil:
		return nil, nil
	case keys.away:
		return noKeys, err
	}
	return badToken, err
}

// watchedKeys distinguishes keys that could not be fetched from a wrong signature; the verifier returns the same text
// for both.
type watchedKeys struct {
	oidc.KeySet
	away bool
}

func (k *watchedKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, token)
	k.away = err != nil && strings.HasPrefix(err.Error(), "fetching keys")
	return payload, err
}
