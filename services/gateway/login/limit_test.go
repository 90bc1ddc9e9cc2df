package login

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/policy"
)

// tokenCalls counts the calls of a provider's token endpoint.
func (p *idp) tokenCalls() *int {
	n := new(int)
	p.broken = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			*n++
		}
		return false
	}
	return n
}

// One state causes one call with our secret, however many codes come with it, one after the other or at once.
func TestAStateCausesOneCall(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	calls := w.idp.tokenCalls()
	b := w.browser()
	callback, _ := url.Parse(b.until(appURL+"/", pathCallback))
	junk := func(n int) string {
		q, u := callback.Query(), *callback
		q.Set("code", fmt.Sprint("junk-", n))
		u.RawQuery = q.Encode()
		return u.String()
	}
	var together sync.WaitGroup
	for n := range 10 {
		together.Go(func() { b.get(junk(n)) })
	}
	together.Wait()
	for n := range 30 {
		b.get(junk(n)).wantRefusal(t, policy.LoginReplayed)
	}
	b.get(callback.String()).wantRefusal(t, policy.LoginReplayed)
	if *calls > 1 {
		t.Errorf("one state caused %d calls", *calls)
	}
}

// A flood of logins at one provider, from one address or from many, leaves the others alone.
func TestAFloodAtOneProvider(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	other := w.addIDP(teamURL)
	r, _ := w.catalog.IdentityProvider(w.account, w.provider.ID)
	taken := 0
	for n := range 1000 {
		if _, ok := w.login.limits.take(r, netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})); ok {
			taken++
		}
	}
	if taken != maxCalls {
		t.Errorf("%d calls of one provider at once", taken)
	}
	login := func(provider proto.ID) answered {
		b := w.browser()
		link := b.get(appURL + "/").next(t)
		return b.follow(link + "&idp=" + provider.String())
	}
	login(w.provider.ID).wantRefusal(t, policy.Busy)
	if got := login(other.ID); got.StatusCode != http.StatusOK {
		t.Errorf("at the other provider: %d %s", got.StatusCode, got.body)
	}
}

func TestClientsAreLimited(t *testing.T) {
	c := clock.NewFake(time.Unix(1_700_000_000, 0))
	l, err := newLimiter(8, c)
	if err != nil {
		t.Fatal(err)
	}
	r := idpRecord(catalog.Record[proto.IdentityProvider]{Account: proto.NewAccount(),
		Value: &proto.IdentityProvider{ID: proto.NewID()}})
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.2")
	six, near, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"),
		netip.MustParseAddr("2001:db8:0:1::1")
	var done []func()
	for _, s := range []struct {
		from netip.Addr
		ok   bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {b, true}, {b, false}, {six, true}, {near, true}, {six, false},
		{near, false},
		{far, true}, {netip.Addr{}, true}, {netip.Addr{}, false}, {far, false}} {
		give, ok := l.take(r, s.from)
		if ok != s.ok {
			t.Errorf("a call from %v: %v", s.from, ok)
		}
		if ok {
			done = append(done, give)
		}
	}
	for _, give := range done {
		give()
		give() // a second time it is nothing
	}
	if len(l.busy) != 0 {
		t.Errorf("slots are left over: %v", l.busy)
	}

	for range clientBurst {
		if !l.allow(a) {
			t.Fatal("too few at once")
		}
	}
	if l.allow(a) || !l.allow(b) {
		t.Error("an address is limited by another's calls, or not at all")
	}
	c.Advance(clientEvery)
	if !l.allow(a) || l.allow(a) {
		t.Error("the allowance does not come back")
	}
	for n := range 4 * limitedClients {
		l.allow(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
	}
	if l.clients.Len() != limitedClients {
		t.Errorf("%d addresses are remembered", l.clients.Len())
	}
}

// A session counts as long as people log in to the application by its provider.
func TestSessionsOfAProviderThatIsGone(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test")
	b := w.browser()
	at := b.until(appURL+"/", pathAuthorized)
	only := *app.Value
	only.Gate.IDPs = []proto.ID{proto.NewID()}
	w.put("app", app.Value.ID, &only)
	b.get(at).wantRefusal(t, policy.ProviderNotAllowed)
	w.put("app", app.Value.ID, app.Value)
	if got := b.follow(appURL + "/"); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	for _, host := range []string{appURL, teamURL} {
		if got := b.get(host + pathIdentity); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", host, got.StatusCode)
		}
	}
	w.put("app", app.Value.ID, &only)
	if got := b.get(appURL + pathIdentity); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("removed from allowed_idps: %d", got.StatusCode)
	}
	w.put("app", app.Value.ID, app.Value)
	gone := w.provider
	gone.Type = "github"
	w.put("idp", gone.ID, &gone)
	if got := b.get(appURL + pathIdentity); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a provider that is not served: %d", got.StatusCode)
	}
}
