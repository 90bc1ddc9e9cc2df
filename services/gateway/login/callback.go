package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// maxCode bounds a provider's code, in bytes.
const maxCode = 4 << 10

// callback serves /cdn-cgi/access/callback at the team domain, where a provider redirects the browser to.
func (v *request) callback(ctx context.Context) *gate.Response {
	q := v.URL.Query()
	sealed, ok := single(q, "state")
	st := &state{}
	if !ok || v.box.open(purposeState, sealed, st) != nil {
		return v.refuse(policy.LoginStateInvalid, gate.Application{}, "", errSealed)
	}
	f := &st.Flow
	app, known := v.catalog.Application(f.Account, f.Application)
	if !known || !v.current(f, app) {
		return v.refuse(policy.LoginStateInvalid, app, "", errors.New("the application has moved"))
	}
	back := f.Origin + f.Path
	switch {
	case st.Until <= proto.At(v.now()):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the login took too long"))
	case !holds(v.Header, cookieTeam, st.Browser):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the login was started in another browser"))
	}
	r, known := v.catalog.IdentityProvider(f.Account, st.Provider)
	if !known || !catalog.Allows(app.Value, r.Value) {
		return v.refuse(policy.ProviderNotAllowed, app, back, nil)
	}
	p, err := v.confirm(ctx, q, sealed, st, r)
	if err != nil {
		return v.refuse(reasonOf(err), app, back, err)
	}
	return v.enter(ctx, f, app, r, p)
}

// confirm obtains the person's identity from the provider. The state is marked as used at every replica before the
// provider is called: one login causes one call with our secret, however many codes arrive with its state.
func (v *request) confirm(ctx context.Context, q url.Values, sealed string, st *state, r idpRecord) (*person, error) {
	if _, there := q["error"]; there {
		return nil, fail(policy.LoginFailed, "the provider sent the browser back with the error %q", shown(q.Get("error")))
	}
	code, ok := single(q, "code")
	if !ok || len(code) > maxCode {
		return nil, fail(policy.LoginFailed, "the provider sent the browser back without a code")
	}
	if !v.limits.allow(v.Peer) {
		return nil, fail(policy.Busy, "too many logins from this address")
	}
	done, ok := v.limits.take(r, v.Peer)
	if !ok {
		return nil, fail(policy.Busy, "too many concurrent calls to this identity provider, in total or from this address")
	}
	defer done()
	if err := v.once(ctx, r.Account, sealed); err != nil {
		return nil, err
	}
	at, err := v.providers.of(ctx, r)
	if err != nil {
		return nil, err
	}
	// This stops mix-up attacks, where one provider's code is redeemed at another (RFC 9207).
	if iss, there := q["iss"]; there && at.Issuer != "" && (len(iss) != 1 || iss[0] != at.Issuer) {
		return nil, fail(policy.LoginFailed, "the response has another issuer (iss)")
	}
	start := v.now()
	p, err := v.providers.redeem(ctx, at, st, code)
	result := "ok"
	if err != nil {
		result = reasonOf(err).String()
	}
	v.metrics.seconds.WithLabelValues(result).Observe(v.now().Sub(start).Seconds())
	return p, err
}

// once marks a sealed text as used. It fails if the text was used before.
func (v *request) once(ctx context.Context, account proto.Account, sealed string) error {
	_, err := v.conn.Put(ctx, topology.Sessions, topology.UsedKey(account, sha256.Sum256([]byte(sealed))),
		&proto.Used{At: proto.At(v.now())}, 0)
	switch {
	case errors.Is(err, bus.ErrConflict):
		return fail(policy.LoginReplayed, "already used")
	case err != nil:
		return fail(policy.Unavailable, "mark as used: %w", err)
	}
	return nil
}

// single returns a parameter that must occur exactly once.
func single(q url.Values, name string) (string, bool) {
	all := q[name]
	if len(all) != 1 || all[0] == "" || strings.ContainsAny(all[0], "\r\n\x00") {
		return "", false
	}
	return all[0], true
}
