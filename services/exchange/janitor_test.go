package exchange

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

func (w *fixture) notices(token *proto.ServiceToken) []proto.TokenNotice {
	w.Helper()
	return stored[proto.TokenNotice](w, topology.AccessLogs, topology.TokenNotice(w.account, token.ID))
}

// another is a long-lived service token created some days ago.
func (w *fixture) another(name string, age int) *proto.ServiceToken {
	w.Helper()
	made := proto.At(w.clock.Now().Add(-time.Duration(age) * testDay))
	t := &proto.ServiceToken{ID: proto.NewID(), ClientID: credential.NewClientID(), Name: name,
		SecretHash: credential.Hash(name), Version: 1,
		ExpiresAt: proto.At(w.clock.Now().Add(365 * testDay)), CreatedAt: made, UpdatedAt: made}
	w.saveToken(t)
	return t
}

func (w *fixture) saveToken(t *proto.ServiceToken) {
	w.Helper()
	key, err := topology.ServiceTokenKey(w.account, t.ClientID)
	if err != nil {
		w.Fatal(err)
	}
	w.records.Put(topology.Tokens, key, t)
}

// record is a stored token, or nil after its deletion.
func (w *fixture) record(t *proto.ServiceToken) *proto.ServiceToken {
	w.Helper()
	key, err := topology.ServiceTokenKey(w.account, t.ClientID)
	if err != nil {
		w.Fatal(err)
	}
	var got proto.ServiceToken
	revision, err := w.api.Get(w.Context(), topology.Tokens, key, &got)
	w.records.Expect(key, revision)
	if err != nil {
		return nil
	}
	return &got
}

// swept has one more janitor look at the tokens as each of the exchanges sees them now.
func (w *fixture) swept(services ...*Service) {
	w.Helper()
	for _, s := range services {
		bustest.Eventually(w, "the views are there", func() bool { return s.Ready(w.Context()) == nil })
		newJanitor(s.conn, s.log, w.clock, s.catalog, s.tokens, s.lastSeen, s.metrics.tokens).sweep(w.Context(),
			w.clock.Now())
	}
}

func TestTheEndOfATokenIsToldOnce(t *testing.T) {
	w := newFixture(t)
	w.token.ExpiresAt = proto.At(w.clock.Now().Add(8 * testDay))
	w.token.Name = "poller"
	w.save()
	first, _ := w.start(w.deps(nil))
	second, stop := w.start(w.deps(nil))
	third, _ := w.start(w.deps(nil))
	want := func(what string, all ...proto.TokenNotice) {
		t.Helper()
		bustest.Eventually(t, what, func() bool { return len(w.notices(w.token)) >= len(all) })
		// Late or repeated runs of the janitor record nothing more.
		w.clock.Advance(time.Minute)
		w.swept(first, second, third)
		if diff := cmp.Diff(all, w.notices(w.token)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	notice := func(state proto.TokenState, at time.Time, expiry proto.Millis) proto.TokenNotice {
		return proto.TokenNotice{Account: w.account, At: proto.At(at), Token: w.token.ID, ClientID: w.token.ClientID,
			Name: "poller", State: state, ExpiresAt: expiry}
	}
	gauge := func(state string) float64 { return testutil.ToFloat64(first.metrics.tokens.WithLabelValues(state)) }
	bustest.Eventually(t, "a valid token is counted", func() bool { return gauge("valid") == 1 && gauge("expiring") == 0 })

	began, expiry := w.clock.Now(), w.token.ExpiresAt
	w.clock.Set(began.Add(testDay))
	expiring := notice(proto.TokenExpiring, w.clock.Now(), expiry)
	want("a week before", expiring)
	bustest.Eventually(t, "it is counted as expiring",
		func() bool { return gauge("expiring") == 1 && gauge("valid") == 0 })

	// A restart does not repeat recorded ends.
	stop()
	second, _ = w.start(w.deps(nil))
	want("after a restart", expiring)

	w.clock.Set(expiry.Time())
	expired := notice(proto.TokenExpired, w.clock.Now(), expiry)
	want("when it has expired", expiring, expired)
	bustest.Eventually(t, "it is counted as expired", func() bool { return gauge("expired") == 1 })

	// Another expiry is another matter.
	w.token.ExpiresAt = proto.At(w.clock.Now().Add(testDay))
	again := notice(proto.TokenExpiring, w.clock.Now(), w.token.ExpiresAt)
	w.save()
	want("refreshed for a day", expiring, expired, again)
}

func TestTokensThatExpiredLongAgoAreNotTold(t *testing.T) {
	w := newFixture(t)
	w.token.ExpiresAt = proto.At(w.clock.Now().Add(-tellUntil - time.Second))
	w.save()
	recent := w.another("recent", 400)
	recent.ExpiresAt = proto.At(w.clock.Now().Add(-tellUntil + time.Hour))
	w.saveToken(recent)
	w.start(w.deps(nil))
	bustest.Eventually(t, "the one is told", func() bool { return len(w.notices(recent)) == 1 })
	if got := w.notices(w.token); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTokensThatNobodyUsesAreTurnedOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		delete bool
		state  proto.TokenState
		action string
	}{{"turned off", false, proto.TokenIdle, "update"}, {"deleted", true, proto.TokenRemoved, "delete"}} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t)
			w.token.CreatedAt = proto.At(w.clock.Now().Add(-100 * testDay)) // a policy names it
			w.save()
			unused, used, young, grouped := w.another("unused", 100), w.another("used", 100), w.another("young", 29),
				w.another("grouped", 100)
			unused.PreviousHash, unused.PreviousUntil = credential.Hash("before"), proto.At(w.clock.Now().Add(testDay))
			w.saveToken(unused)
			seen := func(token *proto.ServiceToken, ago time.Duration) {
				key, err := topology.TokenSeenKey(w.account, token.ClientID)
				if err != nil {
					t.Fatal(err)
				}
				w.records.Put(topology.TokenUses, key, &proto.TokenSeen{At: proto.At(w.clock.Now().Add(-ago))})
			}
			seen(unused, 31*testDay)
			seen(used, 29*testDay)
			body, err := json.Marshal(map[string]string{"token_id": grouped.ID.String()})
			if err != nil {
				t.Fatal(err)
			}
			group := &proto.Group{ID: proto.NewID(), Require: []proto.Rule{{Selector: "service_token", Body: body}}}
			w.records.Configure(topology.KindGroup, group.ID, group)
			stranger := newAccountToken(w, 100)

			services := make([]*Service, 2)
			for i := range services {
				services[i], _ = w.start(w.deps(nil))
			}
			w.swept(services...)
			if got := w.record(unused); got == nil || got.Disabled {
				t.Fatal("turned off though nobody asked for it")
			}
			w.records.Configure(topology.KindOrganization, topology.OrganizationID(w.account),
				&proto.Organization{Inactivity: proto.Inactivity{Enabled: true, Days: 30, Delete: c.delete}})
			bustest.Eventually(t, "the token that nobody uses is "+c.name, func() bool {
				got := w.record(unused)
				return c.delete && got == nil || !c.delete && got != nil && got.Disabled
			})
			bustest.Eventually(t, "that is told", func() bool { return len(w.notices(unused)) == 1 })
			w.swept(services...)
			for _, other := range []*proto.ServiceToken{used, young, grouped, w.token} {
				if got := w.record(other); got == nil || got.Disabled {
					t.Errorf("%s is %s", other.Name, c.name)
				}
			}
			if stranger() {
				t.Error("a token of another account is " + c.name)
			}
			if !c.delete {
				if got := w.record(unused); got.PreviousHash != nil || got.UpdatedAt != proto.At(w.clock.Now()) {
					t.Errorf("%+v", got)
				}
			}
			if got := w.notices(unused); len(got) != 1 || got[0].State != c.state || got[0].Token != unused.ID ||
				got[0].ExpiresAt != unused.ExpiresAt {
				t.Errorf("%+v", got)
			}
			// The audit event is stored with the change, and the api publishes it.
			events := w.audited()
			if len(events) != 1 || events[0].Actor.Type != "system" || events[0].Action != c.action ||
				events[0].Resource != unused.ID.String() ||
				len(events[0].Before) == 0 || (len(events[0].After) == 0) != c.delete {
				t.Errorf("%+v", events)
			}
			if all := stored[proto.AuditEvent](w, topology.AuditLog, topology.Audit(w.account)); len(all) != 0 {
				t.Errorf("the exchange published %+v itself", all)
			}
			if !c.delete {
				// A token turned on again is good for another while.
				on := w.record(unused)
				on.Disabled = false
				w.clock.Advance(time.Second)
				on.UpdatedAt = proto.At(w.clock.Now())
				w.saveToken(on)
				for range 3 {
					w.clock.Advance(time.Minute)
					w.swept(services...)
				}
				if got := w.record(unused); got.Disabled {
					t.Error("turned off again at once")
				}
			}
		})
	}
}

// newAccountToken is an old token of an account without requests; the function reports whether it was changed.
func newAccountToken(w *fixture, age int) func() bool {
	w.Helper()
	account := proto.NewAccount()
	t := &proto.ServiceToken{ID: proto.NewID(), ClientID: credential.NewClientID(),
		CreatedAt: proto.At(w.clock.Now().Add(-time.Duration(age) * testDay))}
	key, err := topology.ServiceTokenKey(account, t.ClientID)
	if err != nil {
		w.Fatal(err)
	}
	w.records.Put(topology.Tokens, key, t)
	return func() bool {
		var got proto.ServiceToken
		_, err := w.api.Get(w.Context(), topology.Tokens, key, &got)
		return err != nil || got.Disabled
	}
}

// The note of when a deleted token was last used goes too, once nobody can be about to write it again.
func TestNotesOfDeletedTokensGo(t *testing.T) {
	w := newFixture(t)
	gone := credential.NewClientID()
	key, err := topology.TokenSeenKey(w.account, gone)
	if err != nil {
		t.Fatal(err)
	}
	w.records.Put(topology.TokenUses, key, &proto.TokenSeen{At: proto.At(w.clock.Now())})
	own, err := topology.TokenSeenKey(w.account, w.token.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	w.records.Put(topology.TokenUses, own, &proto.TokenSeen{At: proto.At(w.clock.Now())})
	s, _ := w.start(w.deps(nil))
	has := func(key string) bool {
		_, err := w.api.Get(t.Context(), topology.TokenUses, key, &proto.TokenSeen{})
		return err == nil
	}
	w.clock.Advance(orphaned - time.Second)
	w.swept(s)
	if !has(key) {
		t.Error("the note of a token that may only be late is gone")
	}
	w.clock.Advance(time.Second)
	bustest.Eventually(t, "the note is gone", func() bool { w.swept(s); return !has(key) })
	if !has(own) {
		t.Error("the note of a token that is there is gone")
	}
}
