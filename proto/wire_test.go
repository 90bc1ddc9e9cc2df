package proto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
)

var update = flag.Bool("update", false, "write the golden files anew")

func id(b byte) (id ID) {
	for i := range id {
		id[i] = b
	}
	return id
}

// samples has one message of every schema, each field set: what the golden files and the fuzz seeds hold.
func samples() []Message {
	failed := &Error{Code: "token_expired", Message: "the service token has expired; refresh or replace it"}
	device := Device{ID: id(1), Email: "a@example.com", Serial: "C02", MAC: "00:11:22:33:44:55", IPv4: "100.96.0.1",
		Hostname: "münchen-1", EnrolledAt: 1_700_000_000_000, UpdatedAt: 1_700_000_000_001}
	revoked := Device{ID: id(2), Hostname: "lost", EnrolledAt: 1, UpdatedAt: 2, RevokedAt: 2}
	poll := Poll{At: 1_700_000_000_000, Attempts: 2, Status: 200, Took: 1500 * time.Millisecond, Detail: "fine",
		Unknown: 1}
	session := Session{Nonce: "0123456789abcdef", User: id(13), Email: "a@example.com", Name: "A", IDP: id(11),
		Subject: "s", AMR: []string{"hwk"}, Claims: json.RawMessage(`{}`), Device: id(1), IP: "127.0.0.1", Country: "DE",
		StartedAt: 1, ExpiresAt: 2}
	return []Message{
		&Tick{Slot: 7, Due: 1_700_000_000_000, Interval: time.Minute, Schedule: 3, Cause: TickManual, Latest: 8},
		&Batch{Tick: 9, PlannedAt: 1_700_000_000_000, Pages: 3, ConfigRevision: 41},
		&Page{Devices: []Device{device}, Revoked: []Device{revoked}},
		&Input{Cause: CausePoll, Tick: 9, PageRevision: 4, ConfigRevision: 5, Poll: poll, Observations: []Observation{
			{Device: id(1), Score: 88, S2SID: "x-1"}, {Device: id(2), Score: NoScore, Problem: ReasonMissing}}},
		&Entry{Cause: CausePoll, Tick: 9, Poll: poll, PageRevision: 4, ConfigRevision: 5, EvaluatedAt: 1_700_000_000_002,
			NextExpiry: 1_700_000_600_000, Checks: []CheckRef{{id(3), 11}, {id(4), 12}}, Results: []Result{
				{Device: id(1), Score: 88, S2SID: "x-1", ObservedAt: 1_700_000_000_000, Verdicts: []Verdict{
					{OutcomePass, ReasonScore, OutcomePass}, {OutcomePass, ReasonScore, OutcomeFail}}},
				{Device: id(2), Score: NoScore, Problem: ReasonMissing, Verdicts: []Verdict{
					{OutcomeUnknown, ReasonMissing, OutcomeUnknown}, {OutcomeUnknown, ReasonMissing, OutcomeUnknown}}}}},
		&Change{Account: Account(id(10)), Check: id(3), Outcome: OutcomePass, Page: 4, Index: 1, Integration: id(5),
			Tick: 9, At: 1_700_000_000_002, Devices: []ChangedDevice{
				{Device: id(1), From: OutcomeFail, Reason: ReasonScore, Score: 88},
				{Device: id(2), From: OutcomeNone, Reason: ReasonMissing, Score: NoScore}}},
		&Command{Remove: []ID{id(2)}, Upsert: []Device{device}, Revoke: []ID{id(3)}, Unrevoke: []ID{id(4), id(5)}},
		&CommandAnswer{Seq: 3, Enrolled: 1, Refused: []Refusal{{id(2), failed}}, RefusedMore: 2, Error: failed},
		&Cursor{Seq: 3, Applied: 1, Done: true, Answer: CommandAnswer{Seq: 3, Enrolled: 1},
			StoredAt: 1_700_000_000_000, Counted: true,
			Accounts: []AccountPages{{Account: Account(id(1)), Pages: []PageMark{{Sum: 1 << 31, Devices: 2}, {}}}}},
		&Integration{ID: id(5), Name: "EDR", Type: TypeCustomS2S, Interval: time.Minute, IntervalText: "1m",
			APIURL: "https://api.example.com/", ClientID: "c.access", SealedSecret: []byte{1}, Schedule: 2, ScheduledAt: 1,
			Paused: true, Concurrency: 4, CreatedAt: 1, UpdatedAt: 2, Config: json.RawMessage(`{}`)},
		&Check{ID: id(3), Name: "score", Type: TypeCustomS2S, Integration: id(5), Operator: OpGreaterEqual, Score: 50.5,
			Expiration: time.Hour, CreatedAt: 1, UpdatedAt: 2, Sent: json.RawMessage(`{"name":"score"}`)},
		&Application{ID: id(6), AUD: "aa", Name: "API", Type: "self_hosted", Domains: []string{"a.example.com"},
			SessionDuration: time.Hour, OriginURL: "http://127.0.0.1:1", Policies: []PolicyLink{{id(7), 1}}, CreatedAt: 1,
			UpdatedAt: 2, Sent: json.RawMessage(`{}`), Gate: Gate{TokenHeader: "X-Token", Refuse401: true, IDPs: []ID{id(11)},
				AutoRedirect: true, OptionsBypass: true, CORS: &CORS{AllHeaders: true, AllMethods: true, AllOrigins: true,
					Credentials: true, Headers: []string{"a"}, Methods: []string{"GET"}, Origins: []string{"https://b.example.com"},
					MaxAge: -1}, CookieScripts: true, CookiePath: true, CookieBinding: true, SameSite: "lax", DenyMessage: "no",
				DenyURL: "https://d.example.com", NonIdentityDenyURL: "https://n.example.com", RevokedAt: 3},
			Zone: Account(id(15))},
		&Group{ID: id(12), Name: "staff", Include: []Rule{{"everyone", json.RawMessage(`{}`)}}, CreatedAt: 1, UpdatedAt: 2,
			Sent: json.RawMessage(`{}`), Zone: Account(id(15))},
		&Tag{Name: "tag", CreatedAt: 1, UpdatedAt: 2},
		&IdentityProvider{ID: id(11), Name: "SSO", Type: TypeOIDC, ClientID: "c", SealedSecret: []byte{1},
			Issuer: "https://i", AuthURL: "https://i/a", TokenURL: "https://i/t", CertsURL: "https://i/c",
			Scopes: []string{"openid"}, Claims: []string{"groups"}, EmailClaim: "mail", Prompt: "login", Plain: true,
			CreatedAt: 1, UpdatedAt: 2, Sent: json.RawMessage(`{}`), Zone: Account(id(15))},
		&Organization{Name: "O", Lenient: true, SessionDuration: time.Hour, Inactivity: Inactivity{true, 30, true},
			CreatedAt: 1, UpdatedAt: 2, Sent: json.RawMessage(`{}`)},
		&HoldNotice{Account: Account(id(10)), ID: id(9), Integration: id(5), Check: id(3), State: HoldReleased, Tick: 9,
			Since: 1_700_000_000_000, UpdatedAt: 1_700_000_000_002, Directions: []string{"lock_out"}, Pages: 1, Devices: 2,
			Fleet: Flips{Out: 3, In: 4, Passing: 5, Known: 6}, By: "f", Reason: "g", DecidedAt: 1_700_000_000_001},
		&Destination{ID: ID{1}, Name: "SOC", Kind: DestinationWebhook, Origin: "https://soc.example.com",
			SealedURL: []byte("url"), Secrets: []DestinationSecret{{Sealed: []byte("new")}, {Sealed: []byte("old"), Until: 9}},
			Headers: []DestinationHeader{{Name: "Authorization", Sealed: []byte("value")}}, Template: "{{json .}}",
			Events: []string{"posture.outcome.changed"}, Paused: true, Replays: 2, ReplayFrom: 3, CreatedAt: 1, UpdatedAt: 2},
		&Delivery{Owner: ID{2}, Beat: 3, Revision: 4,
			Positions: map[string]DeliveryPosition{"changes": {Seq: 5, Created: 6, At: 7}}, Replays: 8, Waiting: "msg_1",
			WaitingSince: 9, Attempts: 2, NextAt: 10, LastError: "The receiver answered 500.", LastStatus: 500, LastErrorAt: 11,
			LastSuccessAt: 12, Delivered: 13, Failed: 14, Disabled: "gone", DisabledAt: 15, DisabledRevision: 16, UpdatedAt: 17},
		&DestinationTest{Destination: ID{1}, Revision: 2, By: "me", Unsaved: &Destination{ID: ID{1},
			Upload: &Upload{Conf: "https://soc.example.com", Dataset: "access_requests", Fields: []string{"RayID"},
				TimeFormat: "unix", SampleRate: 0.5, MaxBytes: 1, MaxRecords: 2, MaxInterval: 3, Frequency: "high",
				OutputOptions: []byte("{}")}}},
		&DestinationTestResult{Event: "msg_1", Status: 204, Took: 5, Error: "No."},
		&Zone{Name: "example.com", Hosts: []string{"example.com"}, CreatedAt: 1, UpdatedAt: 2},
		&Policy{ID: id(7), Name: "fetchers", Decision: DecisionNonIdentity, Owner: id(6), Include: []Rule{{"service_token",
			json.RawMessage(`{"token_id":"x"}`)}}, SessionDuration: time.Hour, CreatedAt: 1, UpdatedAt: 2,
			Unmet: []string{"approval_required"}},
		&ServiceToken{ID: id(8), ClientID: "c.access", Name: "fetchers", SecretHash: []byte{1, 2}, Version: 1,
			Duration: time.Hour, DurationText: "1h", Disabled: true, ExpiresAt: 3, CreatedAt: 1, UpdatedAt: 2,
			PreviousHash: []byte{3}, PreviousUntil: 4, Zone: Account(id(15))},
		&TokenSeen{At: 1},
		&TokenNotice{Account: Account(id(10)), At: 1, Token: id(8), ClientID: "c.access", Name: "fetchers",
			State: TokenExpiring, ExpiresAt: 3},
		&APIToken{ID: id(9), Name: "bootstrap", SecretHash: []byte{1, 2}, CreatedAt: 1, ExpiresAt: 2, All: true,
			Policies: []TokenPolicy{{ID: id(1), Deny: true, Groups: []string{"g"}, Zones: []Account{{1}},
				Resources: []byte(`{}`)}},
			NotBefore: 3, Disabled: true, UpdatedAt: 4, Email: "a@example.com", AllowFrom: []string{"10.0.0.0/8"},
			DenyFrom: []string{"10.1.0.0/16"}, Creator: id(2)},
		&ServiceExchange{Account: Account(id(10)), ClientID: "c.access", ClientSecret: "s", Application: id(6),
			IP:      "127.0.0.1",
			Vouched: &Vouched{Device: id(1), Postures: []Posture{{id(3), OutcomePass}}, Certificate: true, CommonName: "cn"}},
		&UserExchange{Account: Account(id(10)), Application: id(6), Policy: id(7), Session: "0123456789abcdef", User: id(13),
			Email: "a@example.com", Country: "DE", Custom: json.RawMessage(`{"groups":[]}`), Until: 9},
		&Statement{Kind: StatementMeta, Account: Account(id(10)), Application: id(6), Hostname: "a.example.com",
			RedirectURL: "/x", ServiceTokenStatus: true, Audience: "https://e.example.com/", Identity: json.RawMessage(`{}`),
			Nonce: "n"},
		&TokenAnswer{Token: "t", ExpiresAt: 5, Policy: id(7), Error: failed},
		&CertsQuery{},
		&CertsAnswer{Certs: []byte(`{}`), Error: failed},
		&SigningKey{KID: "aa", Certificate: []byte{1}, Sealed: []byte{2}, CreatedAt: 1},
		&Authentication{Account: Account(id(10)), At: 1, Application: id(6), Allowed: true, Reason: "service_token",
			Policy: id(7), ClientID: "c.access", TokenID: id(8), IP: "127.0.0.1", Action: ActionService,
			Host: "a.example.com", User: id(13), Email: "a@example.com", IDP: id(11), Device: id(1), Check: id(3), Ray: "r",
			Country: "DE", Count: 2},
		&KeyRotation{Current: 2, Since: 1, IntervalDays: 42, Previous: []RetiringKey{{1, 9}}, Wanted: true},
		&KeysCommand{IntervalDays: 42, Rotate: true},
		&KeysAnswer{IntervalDays: 42, LastRotation: 1, NextRotation: 2, Error: failed},
		&session,
		&User{ID: id(13), Email: "a@example.com", Name: "A", CreatedAt: 1, LastSeenAt: 2, Last: session},
		&Used{At: 1},
		&PolicyTest{ID: id(14), State: PolicyTestBlocked, Problem: "p", By: "t", Policies: []TestedPolicy{{id(7), "staff",
			DecisionAllow}}, CreatedAt: 1, UpdatedAt: 2, Total: 3, Parts: []PolicyPart{{Approved: 1, Blocked: 2, Errored: 3}}},
		&PolicyTestUsers{Users: []PolicyTestUser{{ID: id(13), Email: "a@example.com", Name: "A", Status: "blocked",
			Reason: "posture_failed", Policy: 1, Rule: "require[0]", Selector: "device_posture", Check: id(3)}}},
		&AuditEvent{Account: Account(id(10)), ID: id(14), At: 1,
			Actor:  Actor{"token", "t", "bootstrap", "127.0.0.1", "a@example.com"},
			Action: "create", Kind: "app", Resource: "r", Name: "n", Before: json.RawMessage(`{}`), After: json.RawMessage(`{}`),
			Records: []AuditRecord{{Subject: "$KV.CONFIG.a", Replaced: 7, Deleted: true}}},
		&AuditOutbox{Events: []*AuditEvent{{ID: id(14), Action: "poll", Unsure: true}}, Begun: true},
		&Probe{Integration: id(5), APIURL: "https://api.example.com/", ClientID: "c.access", SealedSecret: []byte{1},
			ConfigRevision: 41},
		&ProbeAnswer{Poll: poll},
		&ProviderProbe{Provider: id(11), Issuer: "https://i", TokenURL: "https://i/t", CertsURL: "https://i/c",
			Complete: true, SealedSecret: []byte{1}},
		&ProviderProbeAnswer{Failure: "status", Detail: "The provider answered 404."},
		&DeadLetter{Stage: "evaluate", Stream: "POSTURE_SCORES", Seq: 1, Subject: "posture.scores.x", Delivered: 5,
			Reason: "why", At: 1, Header: map[string][]string{"A": {"b"}}, Data: []byte{1}},
	}
}

func fresh(m Message) Message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message) }

func TestWireBytesAreWhatTheyWere(t *testing.T) {
	for _, m := range samples() {
		t.Run(m.Schema().String(), func(t *testing.T) {
			data, err := Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", m.Schema().String()+".msgpack")
			if *update {
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, want) {
				t.Errorf("the wire form of %s changed:\n got %x\nwant %x", m.Schema(), data, want)
			}
			back := fresh(m)
			if err := Unmarshal(want, back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, back); diff != "" {
				t.Errorf("read back (-sent +read):\n%s", diff)
			}
		})
	}
}

// A newer writer appends fields; today's reader must not mind.
func TestReadersSkipWhatTrails(t *testing.T) {
	full := map[string]Message{"entry": enforced()["entry.1.enforced"], "input": enforced()["input.1.release"],
		"batch": enforced()["batch.1.ticked"]}
	for _, m := range samples() {
		if last, ok := full[m.Schema().Name]; ok {
			m = last // the sample leaves out the last fields
		}
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if data[0]&0xf0 != 0x90 {
			continue // a map: unknown keys are skipped by name
		}
		grown := append([]byte{data[0] + 2}, data[1:]...)
		grown = append(grown, 0x92, 0xa1, 'x', 0xc0, 0x2a) // ["x", nil] and 42
		back := fresh(m)
		if err := Unmarshal(grown, back); err != nil {
			t.Errorf("%s with two more fields: %v", m.Schema(), err)
		} else if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s with two more fields (-sent +read):\n%s", m.Schema(), diff)
		}
	}
}

// Records from before revocation can be read, and records without it are still written the same way.
func TestInventoryBeforeRevocation(t *testing.T) {
	for _, m := range []Message{&Page{Devices: []Device{{ID: id(1), Serial: "S", UpdatedAt: 1}}},
		&Command{Remove: []ID{id(1)}}} {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if fields := data[0] & 0x0f; fields > 2 || m.Schema().Name == "page" && fields != 1 {
			t.Errorf("%s has %d fields", m.Schema(), fields)
		}
		back := fresh(m)
		if err := Unmarshal(data, back); err != nil || !cmp.Equal(m, back) {
			t.Errorf("%s: %v, %+v", m.Schema(), err, back)
		}
	}
}

// A tick without Latest has the same bytes as before the field existed, and an old reader reads both.
func TestTickBeforeLatest(t *testing.T) {
	before, err := hex.DecodeString("9507cf0000018bcfe56800cdea600302")
	if err != nil {
		t.Fatal(err)
	}
	sent := &Tick{Slot: 7, Due: 1_700_000_000_000, Interval: time.Minute, Schedule: 3, Cause: TickManual}
	data, err := Marshal(sent)
	if err != nil || !bytes.Equal(data, before) {
		t.Errorf("a tick without Latest is %x, %v, want %x", data, err, before)
	}
	var back Tick
	if err := Unmarshal(before, &back); err != nil || back != *sent {
		t.Errorf("read %+v, %v", back, err)
	}
	sent.Latest = 8
	data, err = Marshal(sent)
	// An old reader skips the fields after the fifth.
	if want := append([]byte{0x96}, append(before[1:len(before):len(before)], 8)...); err != nil ||
		!bytes.Equal(data, want) {
		t.Errorf("a tick with Latest is %x, %v, want %x", data, err, want)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	huge := []byte{0x91, 0xdd, 0xff, 0xff, 0xff, 0xff} // a page of 2^32-1 devices in six bytes
	for name, data := range map[string][]byte{
		"nothing": {}, "a number": {0x01}, "too few fields": {0x90}, "a huge page": huge, "cut short": {0x91, 0x91},
		"bytes after": {0x91, 0x90, 0x00},
	} {
		if err := Unmarshal(data, new(Page)); err == nil {
			t.Errorf("%s was read as a page", name)
		}
	}
}

// Every decoded value encodes to bytes that decode to the same value, without a panic or an allocation out of
// proportion to the input.
func FuzzUnmarshal(f *testing.F) {
	kinds := samples()
	for _, name := range slices.Sorted(maps.Keys(enforced())) {
		kinds = append(kinds, enforced()[name])
	}
	for i, m := range kinds {
		data, err := Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, data)
		if _, ok := m.(Versioned); !ok {
			continue
		}
		files, err := filepath.Glob(filepath.Join("testdata", m.Schema().Name+".*.msgpack")) // of every version
		if err != nil || len(files) < 2 {
			f.Fatal(files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(i, data)
		}
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind < 0 || kind >= len(kinds) {
			return
		}
		first := fresh(kinds[kind])
		if Unmarshal(data, first) != nil {
			return
		}
		again, err := Marshal(first)
		if err != nil {
			t.Fatalf("%#v decoded but does not encode: %v", first, err)
		}
		second := fresh(kinds[kind])
		if err := Unmarshal(again, second); err != nil {
			t.Fatalf("re-encoded message does not decode: %v", err)
		}
		third, err := Marshal(second)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("%s is not stable: %x then %x (%v)", first.Schema(), again, third, err)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	e := Entry{Tick: 1, Poll: Poll{At: 1_700_000_000_000}, Checks: []CheckRef{{id(1), 1}, {id(2), 2}}}
	for range PageSize {
		e.Results = append(e.Results, Result{Device: NewID(), Score: 50, S2SID: "0123456789", ObservedAt: e.Poll.At,
			Verdicts: []Verdict{{OutcomePass, ReasonScore, OutcomePass}, {OutcomeFail, ReasonScore, OutcomeFail}}})
	}
	data, err := Marshal(&e)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes", len(data))
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Marshal(&e)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var back Entry
			if err := Unmarshal(data, &back); err != nil {
				b.Fatal(err)
			}
		}
	})
}

var _ msgpack.CustomEncoder = (*Entry)(nil)
