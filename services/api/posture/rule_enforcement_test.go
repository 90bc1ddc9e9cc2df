package posture_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// enforced returns the members for enforcement sent by tests.
func enforced() map[string]any {
	return map[string]any{"x_mode": "observe", "x_recover_score": 70.0, "x_grace": "14d",
		"x_breaker":     map[string]any{"share": 0.1, "window": "30m"},
		"x_remediation": "Start the *agent*.\n\n- Call [IT](https://it.example.com)"}
}

// enforcedRule is a rule in the account of a fixture.
type enforcedRule struct {
	*apitest.Fixture
	body map[string]any // without members for enforcement
	path string
	id   proto.ID
}

func newEnforcedRule(t *testing.T, settings map[string]any) enforcedRule {
	f := apitest.Start(t)
	i := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	r := enforcedRule{Fixture: f, body: apitest.CheckBody(i)}
	made := f.Want(200, "POST", "/devices/posture", r.with(settings))
	r.path, r.id = "/devices/posture/"+apitest.Text(made, "id"), apitest.ID(made)
	return r
}

// with returns the body of the rule with further members.
func (r enforcedRule) with(members map[string]any) map[string]any {
	body := maps.Clone(r.body)
	maps.Copy(body, members)
	return body
}

// put replaces the rule, and returns the response and the members for enforcement of a later GET.
func (r enforcedRule) put(t *testing.T, body map[string]any) (apitest.Response, map[string]any) {
	t.Helper()
	answer := r.Do("PUT", r.path, body)
	shown := r.Want(200, "GET", r.path, nil)
	maps.DeleteFunc(shown, func(name string, _ any) bool { return !strings.HasPrefix(name, "x_") })
	return answer, shown
}

func (r enforcedRule) stored(t *testing.T) proto.Check {
	t.Helper()
	var check proto.Check
	if _, err := r.Conn.Get(t.Context(), topology.Config, topology.ConfigKey(r.Account, topology.KindCheck, r.id),
		&check); err != nil {
		t.Fatal(err)
	}
	return check
}

// TestEnforcementIsKept checks that a client without knowledge of the members for enforcement keeps them, and that null
// resets each of them alone.
func TestEnforcementIsKept(t *testing.T) {
	t.Parallel()
	r := newEnforcedRule(t, enforced())
	score, breaker := 70.0, proto.BreakerSettings{Share: new(0.1), Window: 30 * time.Minute}
	want := proto.Check{Mode: proto.ModeObserve, RecoverScore: &score, Grace: 14 * 24 * time.Hour, Breaker: &breaker,
		Remediation: enforced()["x_remediation"].(string)}
	check := func(t *testing.T, shown map[string]any, left map[string]any) {
		t.Helper()
		if diff := cmp.Diff(left, shown); diff != "" {
			t.Errorf("-want +shown:\n%s", diff)
		}
		got := r.stored(t)
		got = proto.Check{Mode: got.Mode, RecoverScore: got.RecoverScore, Grace: got.Grace, Breaker: got.Breaker,
			Remediation: got.Remediation}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +stored:\n%s", diff)
		}
	}
	_, shown := r.put(t, r.with(map[string]any{"name": "Renamed by an old client"}))
	check(t, shown, enforced())
	left := enforced()
	for name, reset := range map[string]func(){
		"x_mode":          func() { want.Mode = "" },
		"x_recover_score": func() { want.RecoverScore = nil },
		"x_grace":         func() { want.Grace = 0 },
		"x_breaker":       func() { want.Breaker = nil },
		"x_remediation":   func() { want.Remediation = "" },
	} {
		delete(left, name)
		reset()
		_, shown := r.put(t, r.with(map[string]any{name: nil}))
		check(t, shown, left)
	}
}

// TestDefaultsAreEchoed checks that a member sent with its default is shown as sent: a client comparing both sees no
// difference.
func TestDefaultsAreEchoed(t *testing.T) {
	t.Parallel()
	usual := map[string]any{"x_mode": "enforce", "x_grace": "0s", "x_breaker": map[string]any{}, "x_remediation": ""}
	r := newEnforcedRule(t, usual)
	for _, body := range []map[string]any{r.with(usual), r.with(nil)} {
		if _, shown := r.put(t, body); !cmp.Equal(usual, shown) {
			t.Errorf("sent %v, shown %v", body, shown)
		}
	}
}

func TestInvalidEnforcementIsRejected(t *testing.T) {
	t.Parallel()
	r := newEnforcedRule(t, enforced())
	for sent, want := range map[string]string{
		`"x_mode":"off"`:              `x_mode must be "enforce" or "observe"`,
		`"x_mode":""`:                 `x_mode must be`,
		`"x_mode":true`:               `x_mode must be`,
		`"x_recover_score":60`:        `x_recover_score must be stricter than the check's score: ">=" 60 is not stricter than`,
		`"x_recover_score":59.5`:      `x_recover_score must be stricter`,
		`"x_recover_score":100.5`:     `x_recover_score must be a number from 0 to 100`,
		`"x_recover_score":-1`:        `x_recover_score must be a number from 0 to 100`,
		`"x_recover_score":"70"`:      `x_recover_score must be a number from 0 to 100`,
		`"x_grace":"366d"`:            `x_grace must be a duration from 0s to 365d, such as`,
		`"x_grace":"-1h"`:             `x_grace must be a duration`,
		`"x_grace":14`:                `x_grace must be a duration`,
		`"x_grace":"two weeks"`:       `x_grace must be a duration`,
		`"x_breaker":{"share":2}`:     `x_breaker.share must be between 0 and 1, got 2`,
		`"x_breaker":{"share":-0.1}`:  `x_breaker.share must be between 0 and 1`,
		`"x_breaker":{"floor":-1}`:    `x_breaker.floor must be a whole number from 0 to 1000`,
		`"x_breaker":{"enabeld":1}`:   `x_breaker.enabeld is unknown: the settings are enabled, `,
		`"x_breaker":"off"`:           `x_breaker must be an object such as {"share":0.1}, or null`,
		`"x_remediation":7`:           `x_remediation must be a string`,
		`"x_remediation":"a\u0000b"`:  `x_remediation must have no control characters`,
		`"x_remediation":"\u001b[2J"`: `x_remediation must have no control characters`,
		`"x_remediation":"` + strings.Repeat("ü", 2001) + `"`: `x_remediation has more than 2000 characters`,
	} {
		var members map[string]any
		if err := json.Unmarshal([]byte("{"+sent+"}"), &members); err != nil {
			t.Fatal(err)
		}
		for method, path := range map[string]string{"POST": "/devices/posture", "PUT": r.path} {
			if says := r.WantError(400, v4.CodeRule, method, path, r.with(members)); !strings.Contains(says, want) {
				t.Errorf("%s %s: %s, want %s", method, sent, says, want)
			}
		}
	}
	other := map[string]any{"type": "intune", "x_recover_score": 70}
	if says := r.WantError(400, v4.CodeRule, "POST", "/devices/posture", other); !strings.Contains(says,
		"x_recover_score needs the type custom_s2s") {
		t.Error(says)
	}
	if _, shown := r.put(t, r.with(map[string]any{"x_remediation": strings.Repeat("ü", 2000)})); len(shown) != 5 {
		t.Errorf("after rejected changes: %v", shown)
	}
}

// TestRecoverScoreOfAnOldClient checks that a client without knowledge of the recover score can raise the score above
// it, and gets a message about the recover score having no effect.
func TestRecoverScoreOfAnOldClient(t *testing.T) {
	t.Parallel()
	r := newEnforcedRule(t, enforced())
	raised := r.with(nil)
	raised["input"] = maps.Clone(raised["input"].(map[string]any))
	raised["input"].(map[string]any)["score"] = 80
	for range 2 {
		answer, shown := r.put(t, raised)
		if answer.Status != 200 || len(answer.Messages) != 1 ||
			!strings.Contains(answer.Messages[0].Message, "x_recover_score 70 is kept and has no effect") {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
		if shown["x_recover_score"] != 70.0 {
			t.Errorf("shown %v", shown)
		}
	}
	raised["x_recover_score"] = 70
	r.WantError(400, v4.CodeRule, "PUT", r.path, raised)
	raised["x_recover_score"] = 90
	if answer, _ := r.put(t, raised); answer.Status != 200 || len(answer.Messages) != 0 {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
}

// TestUnknownMembersOfOlderVersions checks that members stored by a version without them have no effect, and are
// neither shown nor kept.
func TestUnknownMembersOfOlderVersions(t *testing.T) {
	t.Parallel()
	r := newEnforcedRule(t, nil)
	old := r.stored(t)
	sent := v4.Decode(old.Sent)
	for name, v := range enforced() {
		sent.Set(name, v)
	}
	sent.Set("x_note", "kept")
	old.Sent = sent.Encode()
	key := topology.ConfigKey(r.Account, topology.KindCheck, r.id)
	revision, err := r.Conn.Get(t.Context(), topology.Config, key, &proto.Check{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Conn.Put(t.Context(), topology.Config, key, &old, revision); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"x_note": "kept"}
	if _, shown := r.put(t, r.with(want)); !cmp.Equal(want, shown) {
		t.Errorf("after a PUT: %v", shown)
	}
	if got := r.stored(t); got.Mode != "" || got.Breaker != nil || got.Remediation != "" {
		t.Errorf("stored %+v", got)
	}
}
