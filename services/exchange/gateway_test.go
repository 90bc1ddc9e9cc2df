package exchange

import (
	"encoding/json"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// What is known about a request beside its credentials counts where a gateway vouches for it, and only there.
func TestOnlyGatewaysVouch(t *testing.T) {
	w := newFixture(t)
	check := proto.NewID()
	body, err := json.Marshal(map[string]string{"integration_uid": check.String()})
	if err != nil {
		t.Fatal(err)
	}
	w.policy.Require = []proto.Rule{{Selector: "device_posture", Body: body}, {Selector: "common_name", Body: []byte(`{"common_name":"laptop"}`)}}
	w.save()
	w.start(w.deps(nil))
	vouched := func(outcome proto.Outcome) *proto.Vouched {
		return &proto.Vouched{Device: proto.NewID(), Certificate: true, CommonName: "laptop",
			Postures: []proto.Posture{{Check: proto.NewID(), Outcome: proto.OutcomeFail}, {Check: check, Outcome: outcome}}}
	}
	with := func(change func(v *proto.Vouched)) *proto.Vouched {
		v := vouched(proto.OutcomePass)
		change(v)
		return v
	}
	for _, c := range []struct {
		name    string
		from    *bus.Conn
		vouched *proto.Vouched
		want    string
	}{
		{"a gateway", w.gateway, vouched(proto.OutcomePass), ""},
		{"a gateway says nothing", w.gateway, nil, "certificate_required"},
		{"a fetcher", w.fetcher, vouched(proto.OutcomePass), "certificate_required"},
		{"the operator", w.bus.Conn(topology.Operator), vouched(proto.OutcomePass), "certificate_required"},
		{"the device fails", w.gateway, vouched(proto.OutcomeFail), "posture_failed"},
		{"nothing is known of the device", w.gateway, vouched(proto.OutcomeUnknown), "posture_unknown"},
		{"the check has no result", w.gateway, with(func(v *proto.Vouched) { v.Postures = v.Postures[:1] }), "posture_unknown"},
		{"the device is not known", w.gateway, with(func(v *proto.Vouched) { v.Device = proto.ID{} }), "device_unknown"},
		{"another certificate", w.gateway, with(func(v *proto.Vouched) { v.CommonName = "phone" }), "no_policy_holds"},
		{"no certificate", w.gateway, with(func(v *proto.Vouched) { v.Certificate = false }), "certificate_required"},
	} {
		q := w.request()
		q.Vouched = c.vouched
		if answer := w.from(c.from, topology.ExchangeService, q); code(answer) != c.want {
			t.Errorf("%s: %q, want %q", c.name, code(answer), c.want)
		}
	}
}

// A gateway records its requests itself, with details known to it alone; so ACCESS_LOG has each once.
func TestAGatewaysRequestsAreNotRecordedTwice(t *testing.T) {
	w := newFixture(t)
	_, stop := w.start(w.deps(nil))
	wrong := w.request()
	wrong.ClientSecret = "wrong"
	w.from(w.gateway, topology.ExchangeService, w.request())
	w.from(w.gateway, topology.ExchangeService, wrong)
	w.ask(w.request())
	stop()
	if got := w.recorded(); len(got) != 1 || !got[0].Allowed {
		t.Errorf("%+v", got)
	}
}

func TestUseOfAServiceTokenIsNoted(t *testing.T) {
	w := newFixture(t)
	_, stop := w.start(w.deps(nil))
	wrong, elsewhere := w.request(), w.request()
	wrong.ClientSecret = "wrong"
	w.ask(wrong)
	stop()
	key, err := topology.TokenSeenKey(w.account, w.token.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	var seen proto.TokenSeen
	if _, err := w.api.Get(t.Context(), topology.TokenUses, key, &seen); err == nil {
		t.Fatal("a wrong secret counts as use")
	}
	_, stop = w.start(w.deps(nil))
	// The credentials were right, for any destination.
	elsewhere.Application = proto.NewID()
	w.ask(elsewhere)
	stop()
	if _, err := w.api.Get(t.Context(), topology.TokenUses, key, &seen); err != nil || seen.At != proto.At(w.clock.Now()) {
		t.Errorf("%+v, %v", seen, err)
	}
}

func TestTheSecretBeforeARotationCountsInItsGrace(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	old, grace := w.secret, 10*60*1000
	w.secret = credential.NewServiceSecret()
	w.token.SecretHash, w.token.PreviousHash = credential.Hash(w.secret), credential.Hash(old)
	w.token.PreviousUntil = proto.At(w.clock.Now()) + proto.Millis(grace)
	w.save()
	w.eventually("")
	before := w.request()
	before.ClientSecret = old
	bustest.Eventually(t, "the secret before works", func() bool { return code(w.ask(before)) == "" })
	w.clock.Set(w.token.PreviousUntil.Time())
	if answer := w.ask(before); code(answer) != "unknown_credentials" {
		t.Errorf("%+v", answer)
	}
	if answer := w.ask(w.request()); code(answer) != "" {
		t.Errorf("%+v", answer)
	}
}
