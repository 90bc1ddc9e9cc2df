package event_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/event"
)

var account, _ = proto.ParseAccount(strings.Repeat("a", 32))

func message(froms ...proto.Outcome) event.Message {
	c := &proto.Change{Index: 1, Integration: proto.DeriveID(account, "integration"), Tick: 7, At: 1_800_000_000_000}
	for n, from := range froms {
		c.Devices = append(c.Devices, proto.ChangedDevice{Device: proto.DeriveID(account, "device "+string(rune('a'+n))),
			From: from, Reason: proto.ReasonScore, Score: n})
	}
	return event.Message{Ref: topology.ChangeRef{Account: account, Check: proto.DeriveID(account, "check"),
		Outcome: proto.OutcomeFail, Page: 3}, Change: c, Seq: 42}
}

type body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		From, To  string
		Count     int
		Truncated bool
		Link      string
		Check     string `json:"check_id"`
		Devices   []struct {
			Device   string `json:"device_id"`
			Reason   string
			Observed string
			Score    *int
		}
	} `json:"data"`
}

func read(t interface{ Fatal(...any) }, e event.Event) (b body) {
	if err := json.Unmarshal(e.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func of(t interface{ Fatal(...any) }, m event.Message) []event.Event {
	link := func(_ proto.Account, check proto.ID) string { return "https://console/" + check.String() }
	all, err := event.OfChange(m, link)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOneEventPerTransition(t *testing.T) {
	m := message(proto.OutcomePass, proto.OutcomeUnknown, proto.OutcomePass, proto.OutcomeNone)
	m.Change.Devices[0].Score = proto.NoScore
	m.Change.Devices[2].Differs, m.Change.Devices[2].Observed = true, proto.OutcomePass
	all := of(t, m)
	if len(all) != 3 {
		t.Fatalf("%d events", len(all))
	}
	for n, want := range []struct {
		from  string
		count int
	}{{"none", 1}, {"unknown", 1}, {"pass", 2}} {
		b := read(t, all[n])
		if b.Type != "posture.outcome.changed" || b.Data.From != want.from || b.Data.To != "fail" ||
			b.Data.Count != want.count || len(b.Data.Devices) != want.count || b.Data.Truncated || b.Data.Link != "" ||
			!b.Timestamp.Equal(time.UnixMilli(1_800_000_000_000)) {
			t.Errorf("%+v", b)
		}
	}
	passed := read(t, all[2]).Data.Devices
	if passed[0].Score != nil || passed[0].Observed != "fail" || passed[1].Observed != "pass" || *passed[1].Score != 2 {
		t.Errorf("%+v", passed)
	}
}

func TestLargeTransitionIsTruncated(t *testing.T) {
	froms := make([]proto.Outcome, proto.PageSize)
	for n := range froms {
		froms[n] = proto.OutcomePass
	}
	all := of(t, message(froms...))
	b := read(t, all[0])
	if len(all) != 1 || len(b.Data.Devices) != event.MaxDevices || b.Data.Count != proto.PageSize || !b.Data.Truncated ||
		b.Data.Link != "https://console/"+b.Data.Check {
		t.Errorf("%d events: %+v", len(all), b)
	}
	if n := len(all[0].Body); n > event.MaxBody {
		t.Errorf("%d bytes", n)
	}
}

// Two events of a log, or of a log and its restored copy, have different ids; the same event has the same id.
func TestIDs(t *testing.T) {
	seen := map[string]string{}
	add := func(name string, m event.Message) {
		t.Helper()
		for n, e := range of(t, m) {
			if of(t, m)[n].ID != e.ID {
				t.Errorf("%s: the id of an event differs when it is built again", name)
			}
			if other, ok := seen[e.ID]; ok || strings.ContainsAny(e.ID, ". ") {
				t.Errorf("%s has the id of %s: %s", name, other, e.ID)
			}
			seen[e.ID] = name
		}
	}
	add("the change", message(proto.OutcomePass, proto.OutcomeUnknown))
	for name, edit := range map[string]func(*event.Message){
		"another sequence":    func(m *event.Message) { m.Seq++ },
		"another time":        func(m *event.Message) { m.Change.At++ },
		"another check":       func(m *event.Message) { m.Ref.Check[0]++ },
		"another page":        func(m *event.Message) { m.Ref.Page++ },
		"another outcome":     func(m *event.Message) { m.Ref.Outcome = proto.OutcomeUnknown },
		"another integration": func(m *event.Message) { m.Change.Integration[0]++ },
		"another account":     func(m *event.Message) { m.Ref.Account[0]++ },
	} {
		m := message(proto.OutcomePass, proto.OutcomeUnknown)
		edit(&m)
		add(name, m)
	}
	for _, position := range []string{"1.a.0", "2.a.0"} {
		e, err := event.OfReset(account, position, "9.a.0", time.Now(), "")
		if err != nil || seen[e.ID] != "" {
			t.Errorf("%s, %v", e.ID, err)
		}
		seen[e.ID] = position
	}
}

// No device of a change is lost or named twice, and every body is within its bound.
func TestEveryDeviceIsCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		froms := rapid.SliceOfN(rapid.SampledFrom([]proto.Outcome{proto.OutcomeNone, proto.OutcomeUnknown, proto.OutcomePass,
			proto.OutcomeFail}), 1, 300).Draw(t, "froms")
		count, named := 0, map[string]bool{}
		for _, e := range of(t, message(froms...)) {
			b := read(t, e)
			if len(e.Body) > event.MaxBody || b.Data.Truncated != (len(b.Data.Devices) < b.Data.Count) {
				t.Fatalf("%d bytes, %d of %d devices", len(e.Body), len(b.Data.Devices), b.Data.Count)
			}
			count += b.Data.Count
			for _, d := range b.Data.Devices {
				if named[d.Device] {
					t.Fatalf("%s is named twice", d.Device)
				}
				named[d.Device] = true
			}
		}
		if count != len(froms) {
			t.Fatalf("%d of %d devices", count, len(froms))
		}
	})
}

func TestPing(t *testing.T) {
	p := event.Ping{Account: account, Name: "SOC", By: "me@example.com"}
	one, err1 := event.OfPing(p, proto.NewID(), time.Now())
	two, err2 := event.OfPing(p, proto.NewID(), time.Now())
	if err1 != nil || err2 != nil || one.ID == two.ID || read(t, one).Type != "test.ping" {
		t.Errorf("%+v %+v %v %v", one, two, err1, err2)
	}
	p.Name = strings.Repeat("x", event.MaxBody)
	if _, err := event.OfPing(p, proto.NewID(), time.Now()); err == nil {
		t.Error("an event beyond the bound was built")
	}
}

func TestHolds(t *testing.T) {
	seen := map[string]bool{}
	for seq, c := range []struct {
		state proto.HoldState
		want  event.Type
	}{{proto.HoldStanding, event.CheckHeld}, {proto.HoldRejected, event.CheckHeld},
		{proto.HoldReleased, event.CheckReleased}, {proto.HoldEnded, event.CheckReleased}} {
		e, err := event.OfHold(account, &proto.HoldNotice{State: c.state}, uint64(seq), time.Now())
		if err != nil || e.Type != c.want || seen[e.ID] || !strings.Contains(string(e.Body), `"directions":[]`) {
			t.Errorf("%s: %+v, %v", c.state, e, err)
		}
		seen[e.ID] = true
	}
}

func TestServiceTokens(t *testing.T) {
	for state, want := range map[proto.TokenState]event.Type{proto.TokenExpiring: event.ServiceTokenExpiring,
		proto.TokenExpired: event.ServiceTokenExpired, proto.TokenIdle: event.ServiceTokenExpired,
		proto.TokenRemoved: event.ServiceTokenExpired} {
		e, err := event.OfToken(account, &proto.TokenNotice{State: state, Name: "CI"}, 7)
		if err != nil || e.Type != want || !strings.Contains(string(e.Body), `"expires_at":null`) {
			t.Errorf("%s: %s %s, %v", state, e.Type, e.Body, err)
		}
	}
}

// There is a sample of each type.
func TestSamples(t *testing.T) {
	all, err := event.Samples(account, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	types := map[event.Type]bool{}
	for _, e := range all {
		types[e.Type] = true
		var b struct{ Type event.Type }
		if err := json.Unmarshal(e.Body, &b); err != nil || b.Type != e.Type {
			t.Errorf("%s: %s, %v", e.Type, e.Body, err)
		}
	}
	for _, want := range append(event.Types(), event.TestPing) {
		if !types[want] {
			t.Errorf("there is no sample of %s", want)
		}
	}
}
