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
	"plumbline.dev/services/internal/policy"
)

// maxCode bounds a provider's code, in bytes.
const maxCode = 4 << 10

// callback answers /cdn-cgi/access/callback at the team domain, which a provider sends the browser back to.
func (v *visit) callback(ctx context.Context) *gate.Response {
	q := v.URL.Query()
	sealed, ok := single(q, "state")
	st := &state{}
	if !ok || v.box.open(purposeState, sealed, st) != nil {
		return v.refuse(policy.LoginStateInvalid, gate.Application{}, "", errSealed)
	}
	f := &st.Flow
	app, known := v.catalog.Application(f.Account, f.Application)
	if !known || !v.current(f, app) {
		return v.refuse(policy.LoginStateInvalid, app, "", errors.New("the application has another place now"))
	}
	back := f.Origin + f.Path
	switch {
	case st.Until <= proto.At(v.now()):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the login took too long"))
	case !holds(v.Header, cookieTeam, st.Browser):
		return v.refuse(policy.LoginStateInvalid, app, back, errors.New("the login was begun in another browser"))
	}
	r, known := v.catalog.IdentityProvider(f.Account, st.Provider)
	if !known || !gate.Allows(app.Value, r.Value) {
		return v.refuse(policy.ProviderNotAllowed, app, back, nil)
	}
	p, err := v.confirm(ctx, q, sealed, st, r)
	if err != nil {
		return v.refuse(reasonOf(err), app, back, err)
	}
	return v.enter(ctx, f, app, r, p)
}

// confirm has the provider say who logged in. The state is used up before the provider is called, at every replica:
// one login causes one call with our secret, however many codes come with its state.
func (v *visit) confirm(ctx context.Context, q url.Values, sealed string, st *state, r idpRecord) (*person, error) {
	if _, there := q["error"]; there {
		return nil, fail(policy.LoginFailed, "the provider sent the browser back with the error %q", clip(q.Get("error")))
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
		return nil, fail(policy.Busy, "all calls to this identity provider that may be under way are: of all clients, or from this address")
	}
	defer done()
	if err := v.once(ctx, r.Account, sealed); err != nil {
		return nil, err
	}
	at, err := v.providers.of(ctx, r)
	if err != nil {
		return nil, err
	}
	// Who mixes providers up would have one's code redeemed at another (RFC 9207).
	if iss, there := q["iss"]; there && at.Issuer != "" && (len(iss) != 1 || iss[0] != at.Issuer) {
		return nil, fail(policy.LoginFailed, "the answer is another issuer's (iss)")
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

// once redeems something that works once, named by its text.
func (v *visit) once(ctx context.Context, account proto.Account, sealed string) error {
	_, err := v.conn.Put(ctx, topology.Sessions, topology.UsedKey(account, sha256.Sum256([]byte(sealed))), &proto.Used{At: proto.At(v.now())}, 0)
	switch {
	case errors.Is(err, bus.ErrConflict):
		return fail(policy.LoginReplayed, "it was used before")
	case err != nil:
		return fail(policy.Unavailable, "note that it is used: %w", err)
	}
	return nil
}

// single gives a parameter that must be there exactly once.
func single(q url.Values, name string) (string, bool) {
	all := q[name]
	if len(all) != 1 || all[0] == "" || strings.ContainsAny(all[0], "\r\n\x00") {
		return "", false
	}
	return all[0], true
}
