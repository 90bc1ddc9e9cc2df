package enforcement_test

import (
	"errors"
	"strings"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// over stores the end of a hold.
func over(f *apitest.Fleet, h *proto.Hold, revision uint64) {
	f.T.Helper()
	ended := *h
	ended.State = proto.HoldEnded
	store(f, &ended, revision)
}

// A write that applies held outcomes needs the permission to release them; once the hold is over, it does not.
func TestWritesThatReleaseAHold(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	other := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())["id"]
	token := func(groups ...string) string {
		ids := make([]string, len(groups))
		for n, name := range groups {
			ids[n] = apitest.GroupID(name)
		}
		return f.StoreToken(nil, ids...)
	}
	const rules, account = "Access: Device Posture Write",
		"Access: Organizations, Identity Providers, and Groups Write"
	plain, full := token(rules, account), token(rules, account, "Posture Enforcement Write")
	rule, org := "/devices/posture/"+f.Check.String(), "/access/organizations"
	body := func(members map[string]any) map[string]any {
		all := apitest.Plus(apitest.CheckBody(f.Integration), map[string]any{"x_breaker": nil, "x_grace": nil, "x_mode": nil,
			"x_recover_score": nil, "x_remediation": nil})
		return apitest.Plus(all, members)
	}
	input := func(integration any, score float64) map[string]any {
		return map[string]any{"connection_id": integration, "operator": ">=", "score": score}
	}
	breaker := func(name string, v any) map[string]any {
		return map[string]any{"x_breaker": map[string]any{name: v}}
	}
	for name, c := range map[string]struct {
		rule, org map[string]any // one of them
		releases  bool
	}{
		"breaker off":                {rule: breaker("enabled", false), releases: true},
		"larger share":               {rule: breaker("share", 0.21), releases: true},
		"larger floor":               {rule: breaker("floor", 1000), releases: true},
		"shorter window":             {rule: breaker("window", "1m"), releases: true},
		"shorter hold":               {rule: breaker("max_hold", "59m"), releases: true},
		"shorter expiration":         {rule: map[string]any{"expiration": "59m"}, releases: true},
		"observe mode":               {rule: map[string]any{"x_mode": "observe"}, releases: true},
		"grace":                      {rule: map[string]any{"x_grace": "1h"}, releases: true},
		"another score":              {rule: map[string]any{"input": input(f.Integration, 60.5)}, releases: true},
		"recover score":              {rule: map[string]any{"x_recover_score": 80}, releases: true},
		"another integration":        {rule: map[string]any{"input": input(other, 60)}, releases: true},
		"nothing":                    {rule: map[string]any{}},
		"name":                       {rule: map[string]any{"name": "Healthy", "description": "d"}},
		"remediation":                {rule: map[string]any{"x_remediation": "Update."}},
		"smaller share":              {rule: breaker("share", 0.19)},
		"hold beyond expiration":     {rule: breaker("max_hold", "24h")},
		"account: breaker off":       {org: breaker("enabled", false), releases: true},
		"account: larger share":      {org: breaker("share", 0.5), releases: true},
		"account: shorter hold":      {org: breaker("max_hold", "30m"), releases: true},
		"account: smaller share":     {org: breaker("share", 0.1)},
		"account: name":              {org: map[string]any{"name": "Example"}},
		"account: beyond the rule's": {org: breaker("max_hold", "2h")},
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			path, method, sent := rule, "PUT", body(c.rule)
			if c.org != nil {
				path, method, sent = org, "PATCH", c.org
			}
			reset := func() {
				f.Want(200, "PUT", rule, body(nil))
				f.Want(200, "PATCH", org, map[string]any{"x_breaker": nil})
			}
			reset()
			h := holdOf(f)
			key := topology.HoldKey(f.Account, f.Integration, f.Check)
			revision, err := uint64(0), bus.ErrConflict
			for errors.Is(err, bus.ErrConflict) { // the api deletes the record of a moved rule
				if revision, err = f.Conn.Get(t.Context(), topology.Holds, key, new(proto.Hold)); err != nil {
					revision = 0
				}
				revision, err = f.Conn.Put(t.Context(), topology.Holds, key, h, revision)
			}
			if err != nil {
				t.Fatal(err)
			}
			r := f.As(plain, method, path, sent)
			if (r.Status == 403) != c.releases || !c.releases && r.Status != 200 {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if c.releases && (len(r.Errors) != 1 || r.Errors[0].Code != v4.CodeUnauthorized ||
				!strings.Contains(r.Errors[0].Message, "Posture Enforcement Write") ||
				!strings.Contains(r.Errors[0].Message, h.ID.String())) {
				t.Errorf("%s", r.Body)
			}
			reset()
			if r := f.As(full, method, path, sent); r.Status != 200 {
				t.Errorf("with the permission: %d %s", r.Status, r.Body)
			}
			reset()
			over(f, h, revision)
			if r := f.As(plain, method, path, sent); r.Status != 200 {
				t.Errorf("without an open hold: %d %s", r.Status, r.Body)
			}
		})
	}
}

// A rule with settings of its own is not subject to those of the account, nor to a hold of another rule.
func TestWritesBesideAHold(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	store(f, holdOf(f), 0)
	token := f.StoreToken(nil, apitest.GroupID("Access: Device Posture Write"),
		apitest.GroupID("Access: Organizations, Identity Providers, and Groups Write"))
	f.Want(200, "PUT", "/devices/posture/"+f.Check.String(), apitest.With(apitest.CheckBody(f.Integration), "x_breaker",
		map[string]any{"share": 0.1}))
	r := f.As(token, "PATCH", "/access/organizations", map[string]any{"x_breaker": map[string]any{"share": 0.5}})
	if r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	second := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(f.Integration))["id"].(string)
	r = f.As(token, "PUT", "/devices/posture/"+second, apitest.With(apitest.CheckBody(f.Integration), "x_mode", "observe"))
	if r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
