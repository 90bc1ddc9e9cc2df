package hold_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/hold"
)

// object is a JSON object of the made-up API.
type object = map[string]any

func record(with object) object {
	all := object{"id": "h1", "name": "Disk encrypted", "rule_id": "c1", "integration_id": "i1",
		"integration_name": "Fleet EDR", "state": "standing", "directions": []any{"lock_out"}, "tick": 8841,
		"since": "2026-11-30T11:48:00Z", "safe_side_at": "2026-11-30T15:48:00Z", "devices": 412, "pages": 2,
		"fleet_lost": 412, "fleet_pass": 1006, "fleet_known": 1100,
		"limits":     object{"share": 0.2, "floor": 10, "window_ms": 3_600_000, "max_hold_ms": 14_400_000},
		"pages_held": []any{object{"page": 3, "devices": 400, "lost": 400, "pass": 900, "known": 950}},
		"devices_held": []any{object{"device_id": "d1", "hostname": "oslo-3", "serial_number": "S-1", "page": 3,
			"score": 41, "outcome": "pass", "observed": "fail"}}}
	maps.Copy(all, with)
	return all
}

func open(t *testing.T, h object, more map[string]http.HandlerFunc) *consoletest.Console {
	routes := map[string]http.HandlerFunc{
		"GET /plumbline/holds": func(w http.ResponseWriter, r *http.Request) {
			list := []any{h}
			if r.URL.Query().Get("page") == "2" {
				list = []any{}
			}
			consoletest.Answer(list)(w, r)
		},
		"GET /plumbline/holds/h1": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"7"`)
			consoletest.Answer(h)(w, r)
		},
		"GET /plumbline/observe":    consoletest.Answer(object{"active": false}),
		"GET /plumbline/exemptions": consoletest.Answer([]any{}),
	}
	maps.Copy(routes, more)
	return consoletest.New(t, routes, hold.Register)
}

func TestAHold(t *testing.T) {
	open(t, record(nil), nil).Get("/holds/h1").Has(http.StatusOK, "Hold of Disk encrypted", "Waits for a decision",
		"412 of 1,006 passing devices would fail (41 %)", "412 devices keep their pass", "lock-out: passes would be lost",
		"Fleet EDR", "tick 8,841", "Deadline 2026-11-30 15:48:00 UTC", "20 % of a page, and never less than 10 devices",
		"Window 1 h", "Longest hold 4 h", "oslo-3 S-1 41 Pass Fail 3", "412 devices lose their pass",
		"Nothing changes for the devices now",
		"plumb hold release h1 --reason REASON").Safe()
	p := open(t, record(object{"state": "rejected", "by": "ann", "reason": "broken API",
		"decided_at": "2026-11-30T11:50:00Z"}), nil).Get("/holds/h1").Has(http.StatusOK, "Rejected by ann",
		"Reason: broken API", "Release…").Safe()
	if strings.Contains(p.Text(), "Reject…") {
		t.Error("a rejected hold can be rejected again")
	}
	p = open(t, record(object{"state": "ended", "safe_side_at": nil, "devices_held": []any{}, "pages_held": []any{}}),
		nil).Get("/holds/h1").Has(http.StatusOK, "Ended", "Nothing is held any more", "No device is held now").Safe()
	if strings.Contains(p.Text(), "Release…") {
		t.Error("a hold that is over can be released")
	}
	open(t, record(object{"state": "expired", "directions": []any{"lock_out", "open_up"}, "fleet_gained": 5}), nil).
		Get("/holds/h1").Has(http.StatusOK, "Safe side applies since", "both directions",
		"and 5 of 1,100 devices would change from fail to pass").Safe()
}

func TestDecisions(t *testing.T) {
	for action, flash := range map[string]string{"release": "released", "reject": "rejected"} {
		c := open(t, record(nil), map[string]http.HandlerFunc{
			"POST /plumbline/holds/h1/" + action: consoletest.Answer(record(nil))})
		p := c.Post("/holds/h1/"+action, url.Values{"reason": {"checked by hand"}, "revision": {`"7"`}})
		if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/holds/h1" {
			t.Errorf("%s: %d to %s", action, p.Status, p.Header.Get("Location"))
		}
		asked := c.Asked("POST")
		if len(asked) != 1 || asked[0].Header.Get("If-Match") != `"7"` ||
			!strings.Contains(asked[0].Body, "checked by hand") {
			t.Errorf("%s asks %+v", action, asked)
		}
		if !slices.ContainsFunc(p.Header.Values("Set-Cookie"), func(s string) bool { return strings.Contains(s, "flash") }) {
			t.Errorf("nothing says that the hold is %s", flash)
		}
	}
}

func TestDecisionsThatAreNotTaken(t *testing.T) {
	c := open(t, record(nil), nil)
	c.Post("/holds/h1/release", url.Values{"revision": {`"7"`}}).Has(http.StatusUnprocessableEntity, "Say why").Safe()
	if asked := c.Asked("POST"); len(asked) != 0 {
		t.Errorf("without a reason the API is asked: %+v", asked)
	}
	for _, refused := range []struct {
		status, want int
		message      string
		text         string
	}{
		{http.StatusConflict, http.StatusConflict, "the hold is released already, by bob at 2026-11-30T11:59:00Z",
			"Not decided. The hold is released already, by bob"},
		{http.StatusPreconditionFailed, http.StatusConflict, "another revision", "has changed since the page was loaded"},
		{http.StatusBadRequest, http.StatusUnprocessableEntity, "reason: too long", "Too long."},
		{http.StatusForbidden, http.StatusForbidden, "the token needs Posture Enforcement Write", "Not permitted"},
	} {
		c := open(t, record(nil), map[string]http.HandlerFunc{
			"POST /plumbline/holds/h1/release": consoletest.Refuse(refused.status, refused.message)})
		c.Post("/holds/h1/release", url.Values{"reason": {consoletest.Hostile}, "revision": {`"7"`}}).
			Has(refused.want, refused.text).Safe()
	}
	open(t, record(nil), nil).Get("/holds/other").Has(http.StatusNotFound, "Not found").Safe()
}

func TestListOfHolds(t *testing.T) {
	c := open(t, record(nil), map[string]http.HandlerFunc{
		"GET /plumbline/exemptions": consoletest.Answer([]any{object{"id": "x1", "device_id": "d1", "device_name": "oslo-3",
			"until": "2026-12-01T12:00:00Z", "reason": "new laptop", "author": "ann", "created_at": "2026-11-30T09:00:00Z"}}),
		"DELETE /plumbline/exemptions/x1": consoletest.Answer(object{"id": "x1"})})
	c.Get("/holds").Has(http.StatusOK, "Disk encrypted", "Waits for a decision", "412 devices keep their pass",
		"oslo-3 every check", "new laptop", "End this exemption?", "Off The checks are enforced").Safe()
	part := c.Fragment("/holds", "open").Has(http.StatusOK, "Disk encrypted").Safe()
	if strings.Contains(part.Text(), "Exemptions") {
		t.Error("the fragment has the whole page")
	}
	if p := c.Post("/holds/exemptions/x1/end", nil); p.Status != http.StatusSeeOther || len(c.Asked("DELETE")) != 1 {
		t.Errorf("ending an exemption: %d, %+v", p.Status, c.Asked("DELETE"))
	}
	if p := c.Post("/holds/exemptions/x2/end", nil); p.Status != http.StatusSeeOther {
		t.Errorf("ending an exemption that is over: %d %s", p.Status, p.Text())
	}
	open(t, record(object{"state": "ended"}), nil).Get("/holds").Has(http.StatusOK, "None open", "1 past hold",
		"No device is exempt").Safe()
}

func TestObserveSwitch(t *testing.T) {
	c := open(t, record(nil), map[string]http.HandlerFunc{
		"PUT /plumbline/observe":    consoletest.Answer(object{"active": true}),
		"DELETE /plumbline/observe": consoletest.Answer(object{"active": false})})
	c.Post("/holds/observe", url.Values{"length": {"4h"}}).Has(http.StatusUnprocessableEntity, "Say why").Safe()
	c.Post("/holds/observe", url.Values{"length": {"x"}, "reason": {"r"}}).Has(http.StatusUnprocessableEntity,
		"Choose how long").Safe()
	if p := c.Post("/holds/observe", url.Values{"length": {"4h"}, "reason": {"fire"}}); p.Status != http.StatusSeeOther {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	var sent object
	if asked := c.Asked("PUT"); len(asked) != 1 || json.Unmarshal([]byte(asked[0].Body), &sent) != nil ||
		sent["until"] != "2026-11-30T15:59:59Z" || sent["reason"] != "fire" {
		t.Errorf("%+v", asked)
	}
	if p := c.Post("/holds/observe/end", nil); p.Status != http.StatusSeeOther || len(c.Asked("DELETE")) != 1 {
		t.Errorf("%d", p.Status)
	}
	open(t, record(nil), map[string]http.HandlerFunc{"GET /plumbline/observe": consoletest.Answer(object{"active": true,
		"until": "2026-11-30T16:00:00Z", "reason": consoletest.Hostile, "by": consoletest.Hostile,
		"since": "2026-11-30T11:00:00Z"})}).Get("/holds").Has(http.StatusOK, "No check is enforced until 2026-11-30 16:00:00",
		"Enforce the checks again").Safe()
}

func TestHoldsWithoutPermissions(t *testing.T) {
	no := consoletest.Refuse(http.StatusForbidden, "no")
	p := open(t, record(nil), map[string]http.HandlerFunc{"GET /plumbline/holds": no, "GET /plumbline/exemptions": no,
		"GET /plumbline/observe": no}).Get("/holds").Has(http.StatusOK, "Your role does not include holds",
		"Your role does not include exemptions").Safe()
	if strings.Contains(p.Text(), "Observe switch") {
		t.Error("the switch is shown")
	}
}

func TestHoldsEscapeNames(t *testing.T) {
	h := record(object{"name": consoletest.Hostile, "integration_name": consoletest.Hostile, "by": consoletest.Hostile,
		"reason": consoletest.Hostile, "state": "rejected", "devices_held": []any{object{"device_id": consoletest.Hostile,
			"hostname": consoletest.Hostile, "serial_number": consoletest.Hostile}}})
	c := open(t, h, map[string]http.HandlerFunc{"GET /plumbline/exemptions": consoletest.Answer([]any{object{
		"id": "x", "device_id": consoletest.Hostile, "device_name": consoletest.Hostile, "rule_id": "c1",
		"rule_name": consoletest.Hostile, "reason": consoletest.Hostile, "author": consoletest.Hostile}})})
	c.Get("/holds").Has(http.StatusOK, "alert(1)").Safe()
	c.Get("/holds/h1").Has(http.StatusOK, "alert(1)").Safe()
}

func TestHoldsWhileTheAPIIsDown(t *testing.T) {
	c := consoletest.Down(t, hold.Register)
	c.Get("/holds").Has(http.StatusBadGateway, "The control plane does not answer").Safe()
	c.Fragment("/holds", "open").Has(http.StatusBadGateway, "The control plane does not answer").Safe()
}
