package proto_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
	. "plumbline.dev/proto"
	"plumbline.dev/proto/schema"
	"plumbline.dev/proto/schema/schematest"
)

func filled(b byte) (id ID) {
	for i := range id {
		id[i] = b
	}
	return id
}

// previous has the messages in the golden files of earlier major versions, which no writer writes any more.
var previous = map[string]Versioned{
	"change.1": &Change{Index: 1, Integration: filled(5), Tick: 9, At: 1_700_000_000_002, Devices: []ChangedDevice{
		{Device: filled(1), From: OutcomeFail, Reason: ReasonScore, Score: 88},
		{Device: filled(2), From: OutcomeNone, Reason: ReasonMissing, Score: NoScore}}},
	"change.1.enforced": &Change{Index: 1, Integration: filled(5), Tick: 9, At: 1_700_000_000_002,
		Devices: []ChangedDevice{
			{Device: filled(1), From: OutcomeFail, Reason: ReasonExempt, Score: 8, Differs: true, Observed: OutcomeFail},
			{Device: filled(2), From: OutcomeNone, Reason: ReasonScore, Score: NoScore}}},
	"audit_event.1": &AuditEvent{ID: filled(14), At: 1, Action: "create", Kind: "app", Resource: "r", Name: "n",
		Actor:  Actor{"token", "t", "bootstrap", "127.0.0.1", "a@example.com"},
		Before: json.RawMessage(`{}`), After: json.RawMessage(`{}`),
		Records: []AuditRecord{{Subject: "$KV.CONFIG.a", Replaced: 7, Deleted: true}}},
	"authentication.1": &Authentication{At: 1, Application: filled(6), Allowed: true, Reason: "service_token",
		Policy: filled(7), ClientID: "c.access", TokenID: filled(8), IP: "127.0.0.1", Action: ActionService,
		Host: "a.example.com", User: filled(13), Email: "a@example.com", IDP: filled(11), Device: filled(1),
		Check: filled(3), Ray: "r", Country: "DE", Count: 2},
	"hold_notice.1": &HoldNotice{ID: filled(9), Integration: filled(5), Check: filled(3), State: HoldReleased, Tick: 9,
		Since: 1_700_000_000_000, UpdatedAt: 1_700_000_000_002, Directions: []string{"lock_out"}, Pages: 1, Devices: 2,
		Fleet: Flips{Out: 3, In: 4, Passing: 5, Known: 6}, By: "f", Reason: "g", DecidedAt: 1_700_000_000_001},
	"token_notice.1": &TokenNotice{At: 1, Token: filled(8), ClientID: "c.access", Name: "fetchers", State: TokenExpiring,
		ExpiresAt: 3},
}

func TestPreviousVersionsAreRead(t *testing.T) {
	read := map[string]int{}
	for name, want := range previous {
		data, err := os.ReadFile(filepath.Join("testdata", name+".msgpack"))
		if err != nil {
			t.Fatal(err)
		}
		got := empty(want)
		if err := Unmarshal(data, got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +read):\n%s", name, diff)
		}
		read[want.Schema().Name] = want.Oldest()
	}
	for _, m := range schema.Public() {
		v, ok := m.(Versioned)
		if !ok || read[m.Schema().Name] != v.Oldest() || v.Oldest() >= m.Schema().Major {
			t.Errorf("%s: no golden file of the oldest version is read", m.Schema())
		}
	}
}

// A message of a later minor version has members and words that this reader does not know.
func TestPublicMessagesMayGrow(t *testing.T) {
	data, err := msgpack.Marshal(map[string]any{
		"account_id": "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "later": []any{1, map[string]any{"a": nil}},
		"a_member_with_a_name_that_is_longer_than_any_member_of_this_version_has_it": 1,
		"devices": []map[string]any{{"device_id": filled(1).String(), "reason": "of_a_later_version", "from": "later",
			"later": "x", "score": 7}}})
	if err != nil {
		t.Fatal(err)
	}
	var c Change
	if err := Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	want := Change{Account: Account(filled(10)), Devices: []ChangedDevice{
		{Device: filled(1), From: OutcomeUnknown, Reason: ReasonOther, Score: 7}}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +read:\n%s", diff)
	}
}

func TestPublicMessagesRefuse(t *testing.T) {
	for name, members := range map[string]any{
		"a short id":            map[string]any{"check_id": "03030303"},
		"an id with other text": map[string]any{"check_id": "g3030303-0303-0303-0303-030303030303"},
		"a long id":             map[string]any{"check_id": string(bytes.Repeat([]byte("0"), 100))},
		"a long account":        map[string]any{"account_id": string(bytes.Repeat([]byte("0"), 64+32))},
		"a time of no form":     map[string]any{"at": "yesterday"},
		"a page beyond 32 bits": map[string]any{"page": uint64(1) << 32},
		"too many devices":      map[string]any{"devices": make([]int, 2*PageSize+1)},
		"a number as a word":    map[string]any{"outcome": 1},
		"no map":                7,
	} {
		data, err := msgpack.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if err := Unmarshal(data, new(Change)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	data, err := Marshal(&Change{Devices: make([]ChangedDevice, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := Unmarshal(data[:n], new(Change)); err == nil {
			t.Fatalf("a change cut off after %d of %d bytes was read", n, len(data))
		}
	}
}

func TestPublicMessagesAreOfTheirSchemas(t *testing.T) {
	for _, draw := range []func(*rapid.T) Message{drawAuditEvent, drawAuthentication, drawChange, drawHold,
		drawTokenNotice} {
		rapid.Check(t, func(t *rapid.T) { roundTrip(t, draw(t)) })
	}
}

// roundTrip checks that a message is valid, is read back, and is encoded in the same way inside of another value.
func roundTrip(t *rapid.T, m Message) {
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := schematest.Validate(m.Schema(), data); err != nil {
		t.Fatalf("%v\n%+v", err, m)
	}
	back := empty(m)
	if err := Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Fatalf("-sent +read:\n%s", diff)
	}
	if nested, err := msgpack.Marshal(m); err != nil || !bytes.Equal(nested, data) {
		t.Fatalf("encoded as %x, %v, want %x", nested, err, data)
	}
}

func drawID(t *rapid.T) (id ID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	return id
}

func drawTime(t *rapid.T) Millis {
	return Millis(rapid.Int64Range(0, 253_402_300_799_999).Draw(t, "time"))
}

func drawChange(t *rapid.T) Message {
	c := &Change{Account: Account(drawID(t)), Check: drawID(t), Outcome: Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
		Page: rapid.Uint32().Draw(t, "page"), Index: rapid.IntRange(0, 1<<31).Draw(t, "index"), Integration: drawID(t),
		Tick: rapid.Uint64().Draw(t, "tick"), At: drawTime(t)}
	for range rapid.SampledFrom([]int{0, 1, 15, 16, 40}).Draw(t, "devices") {
		d := ChangedDevice{Device: drawID(t), From: Outcome(rapid.IntRange(0, 3).Draw(t, "from")),
			Reason: Reason(rapid.IntRange(0, int(ReasonHeld)).Draw(t, "reason")), //nolint:gosec // small
			Score:  rapid.IntRange(NoScore, 100).Draw(t, "score"), Differs: rapid.Bool().Draw(t, "differs")}
		if d.Differs {
			d.Observed = Outcome(rapid.IntRange(0, 2).Draw(t, "observed"))
		}
		c.Devices = append(c.Devices, d)
	}
	return c
}

func empty(m Message) Message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message) }

func drawHold(t *rapid.T) Message {
	n := rapid.IntRange(0, 1_000_000)
	states := []HoldState{HoldStanding, HoldRejected, HoldExpired, HoldReleased, HoldEnded}
	h := &Hold{ID: drawID(t), Integration: drawID(t), Check: drawID(t), Tick: rapid.Uint64().Draw(t, "tick"),
		State: rapid.SampledFrom(states).Draw(t, "state"),
		Since: drawTime(t), UpdatedAt: drawTime(t), DecidedAt: drawTime(t), Out: rapid.Bool().Draw(t, "lost"),
		In: rapid.Bool().Draw(t, "gained"), Pages: n.Draw(t, "pages"), Devices: n.Draw(t, "devices"),
		Fleet: Flips{n.Draw(t, "lost"), n.Draw(t, "gained"), n.Draw(t, "pass"), n.Draw(t, "known"), 7},
		By:    rapid.String().Draw(t, "by"), Reason: rapid.String().Draw(t, "reason")}
	return h.Notice(Account(drawID(t)))
}

func drawTokenNotice(t *rapid.T) Message {
	states := []TokenState{TokenExpiring, TokenExpired, TokenIdle, TokenRemoved}
	return &TokenNotice{Account: Account(drawID(t)), At: drawTime(t), Token: drawID(t), ExpiresAt: drawTime(t),
		ClientID: rapid.String().Draw(t, "client"), Name: rapid.String().Draw(t, "name"),
		State: rapid.SampledFrom(states).Draw(t, "state")}
}

func drawAuthentication(t *rapid.T) Message {
	some := func(name string) (id ID) {
		if rapid.Bool().Draw(t, name) {
			id = drawID(t)
		}
		return id
	}
	text := func(name string) string { return rapid.String().Draw(t, name) }
	return &Authentication{Account: Account(drawID(t)), At: drawTime(t), Application: drawID(t),
		Allowed: rapid.Bool().Draw(t, "allowed"), Reason: text("reason"), Policy: some("policy"), ClientID: text("client"),
		TokenID: some("token"), IP: text("ip"), Host: text("host"), User: some("user"), Email: text("email"),
		IDP: some("idp"), Device: some("device"), Check: some("check"), Posture: text("posture"), Ray: text("ray"),
		Country: text("country"), Count: rapid.IntRange(1, 1<<40).Draw(t, "count"),
		Action: rapid.SampledFrom([]Action{ActionService, ActionLogin, ActionLogout, ActionRequest}).Draw(t, "action")}
}

func drawAuditEvent(t *rapid.T) Message {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	value := func(name string) json.RawMessage {
		return rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`{"name":"münchen"}`)}).Draw(t, name)
	}
	e := &AuditEvent{Account: Account(drawID(t)), ID: drawID(t), At: drawTime(t), Action: text("action"),
		Kind: text("kind"),
		Actor: Actor{Type: rapid.SampledFrom([]string{"token", "key", "user", "system"}).Draw(t, "type"), ID: text("actor"),
			Name: text("token name"), IP: text("ip"), Email: text("email")},
		Resource: text("resource"), Name: text("name"), Before: value("before"), After: value("after"),
		Unsure: rapid.Bool().Draw(t, "unsure")}
	for range rapid.IntRange(0, 20).Draw(t, "records") {
		e.Records = append(e.Records, AuditRecord{Subject: text("subject"), Replaced: rapid.Uint64().Draw(t, "replaced"),
			Deleted: rapid.Bool().Draw(t, "deleted")})
	}
	return e
}
