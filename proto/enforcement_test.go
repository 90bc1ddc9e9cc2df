package proto

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

func number(f float64) *float64 { return &f }

// enforced has the messages whose older samples lack newer members, such as those of enforcement, by the name of their
// golden file.
func enforced() map[string]Message {
	breaker := Breaker{Off: true, Share: 0.25, Floor: 5, Window: 30 * time.Minute, MaxHold: 2 * time.Hour}
	return map[string]Message{
		"change.2.enforced": &Change{Outcome: OutcomePass, Index: 1, Integration: id(5), Tick: 9,
			At: 1_700_000_000_002, Devices: []ChangedDevice{
				{Device: id(1), From: OutcomeFail, Reason: ReasonExempt, Score: 8, Differs: true, Observed: OutcomeFail},
				{Device: id(2), From: OutcomeNone, Reason: ReasonScore, Score: NoScore}}},
		"entry.1.enforced": &Entry{Cause: CauseRelease, Tick: 9, Poll: Poll{At: 1_700_000_000_000}, EvaluatedAt: 1_700_000_000_002,
			Checks: []CheckRef{{id(3), 11}, {id(4), 12}}, Results: []Result{
				{Device: id(1), Score: 8, ObservedAt: 1_700_000_000_000, Verdicts: []Verdict{
					{OutcomePass, ReasonHeld, OutcomeFail}, {OutcomePass, ReasonGrace, OutcomeFail}}},
				{Device: id(2), Score: NoScore, Problem: ReasonMissing, Verdicts: []Verdict{
					{OutcomePass, ReasonExempt, OutcomeUnknown}, {OutcomePass, ReasonObserveOnly, OutcomeUnknown}}}},
			Observe:    EntryObserve{Until: 1_700_000_900_000, On: true},
			Exemptions: []ExemptionRef{{ID: id(7), Revision: 8, Ended: true}, {ID: id(8), Revision: 9}},
			States: []CheckState{{Flips: Flips{Out: 300, In: 1, Passing: 900, Known: 1000, Net: -12},
				Window: FlipWindow{Start: 1_699_999_990_000, Net: -12}, Recovering: []int{1},
				Hold: &PageHold{Tick: 8, Since: 1_699_999_995_000, Out: true, In: true, Safe: true, Rule: 1 << 31}},
				{Graces: []Grace{{Result: 0, Since: 1_699_999_999_000}}}}},
		"entry.1.withheld": &Entry{Cause: CauseExpired, Tick: 9, Poll: Poll{At: 1_700_000_000_000},
			Checks: []CheckRef{{id(3), 11}}, Results: []Result{{Device: id(1), Score: 8, ObservedAt: 1_700_000_000_000,
				Verdicts: []Verdict{{OutcomeFail, ReasonScore, OutcomeFail}}}},
			States: []CheckState{{Flips: Flips{Out: 1, Passing: 1, Known: 1}, Withheld: []int{0},
				Hold: &PageHold{Tick: 8, Since: 1_699_999_995_000, Out: true, Safe: true, Rule: 1}}}},
		"input.1.release": &Input{Cause: CauseRelease, Tick: 9, PageRevision: 1, Check: id(3), DecidedAt: 1_700_000_000_000},
		"check.1.enforced": &Check{ID: id(3), Type: TypeCustomS2S, Operator: OpGreaterEqual, Score: 50, RecoverScore: number(0),
			Mode: ModeObserve, Grace: time.Hour, Breaker: (&Breaker{}).Settings(), Remediation: "Update **now**."},
		"organization.1.enforced": &Organization{Breaker: breaker.Settings(), Observe: &ObserveSwitch{Until: 5, Reason: "down", By: "a@example.com",
			Since: 4}},
		"exemption.1": &Exemption{ID: id(7), Device: id(1), Page: 3, Check: id(3), Until: 5, Reason: "repair", Author: "a@example.com",
			CreatedAt: 1, Enrolled: 4, DeviceName: "laptop-1"},
		"batch.1.ticked": &Batch{Tick: 9, PlannedAt: 1_700_000_000_000, Pages: 3, ConfigRevision: 41,
			TickAt: 1_699_999_999_990},
		"input.1.ticked": &Input{Cause: CausePoll, Tick: 9, Poll: Poll{Attempts: 1, TickAt: 1_699_999_999_990}},
		"probe.1.report": &Probe{Integration: id(5), Page: &Page{Devices: []Device{{ID: id(1), Hostname: "h"}}},
			Report: true},
		"probe.1.seen":            &Probe{Integration: id(5), ConfigRevision: 41, AccessRevision: 42, TokensRevision: 43},
		"service_exchange.1.seen": &ServiceExchange{Application: id(6), ConfigRevision: 42, TokensRevision: 43},
		"user_exchange.1.seen":    &UserExchange{Application: id(6), ConfigRevision: 42},
		"statement.1.seen":        &Statement{Kind: StatementMatch, Application: id(6), ConfigRevision: 42},
		"probe_answer.1.report": &ProbeAnswer{Poll: Poll{Attempts: 1, Status: 200}, Report: &ProbeReport{
			Request: ProbeMessage{Method: "POST", URL: "https://api.example.com/", Header: []ProbeHeader{{"A", "b"}},
				Body: []byte(`{}`), Size: 2},
			Credential: ProbeCredential{Application: id(6), Sent: true, Refused: true, Detail: "d"},
			Connection: &ProbeConnection{Address: "192.0.2.1:443", Proxied: true, Resolved: 1, Connected: 2, Handshake: 3,
				TLSVersion: "TLS 1.3", CipherSuite: "s", Failure: "f", Certificate: &ProbeCertificate{Subject: "CN=a",
					Issuer: "CN=b", Names: []string{"a"}, NotBefore: 1, NotAfter: 2, Trusted: true}},
			Response: &ProbeMessage{Header: []ProbeHeader{{"C", "d"}}, Body: []byte{1}, Size: 3, Cut: true, Unread: true},
			Status:   200, Protocol: "HTTP/2.0", FirstByte: 4, Took: 5,
			Result: &Input{Observations: []Observation{{Device: id(1), Score: 7, S2SID: "s"}}},
		}},
		"hold.1": &Hold{ID: id(9), Integration: id(5), Check: id(3), State: HoldReleased, Tick: 9, Since: 1, Out: true, In: true, Pages: 2,
			Devices: 300, Fleet: Flips{1, 2, 3, 4, -5}, PolledAt: 3, UpdatedAt: 2, By: "a@example.com", Reason: "checked",
			DecidedAt: 2, Release: []PageTick{{4, 9}}, Rejected: 300, Window: FlipWindow{Start: 4, Net: -6}, Freed: 7,
			Unfreed: 8},
	}
}

func TestWireBytesOfEnforcement(t *testing.T) {
	for name, m := range enforced() {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".msgpack")
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
			t.Errorf("the wire form of %s changed:\n got %x\nwant %x", name, data, want)
		}
		back := fresh(m)
		if err := Unmarshal(want, back); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s read back (-sent +read):\n%s", name, diff)
		}
	}
}

// oldEntry reads an entry as readers did before enforcement: ten fields, of which the rest is skipped.
type oldEntry struct{ Entry }

func (e *oldEntry) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 10)
	e.Cause, e.Tick = Cause(r.uintMax(255)), r.uint()
	if r.next() {
		r.keep(e.Poll.decode(dec))
	}
	e.PageRevision, e.ConfigRevision, e.EvaluatedAt, e.NextExpiry, e.Closed = r.uint(), r.uint(), r.at(), r.at(), r.bool()
	e.Checks = make([]CheckRef, r.list(MaxChecks))
	for i := range e.Checks {
		cr := readArray(dec, 2)
		cr.id(&e.Checks[i].ID)
		e.Checks[i].Revision = cr.uint()
		r.keep(cr.close())
	}
	e.Results = make([]Result, r.list(PageSize))
	for i := range e.Results {
		if err := e.Results[i].decode(dec, e.Poll.At, make([]Verdict, len(e.Checks))); err != nil {
			return err
		}
	}
	return r.close()
}

func TestOldReadersSkipEnforcement(t *testing.T) {
	sent := enforced()["entry.1.enforced"].(*Entry)
	data, err := Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var old oldEntry
	if err := Unmarshal(data, &old); err != nil {
		t.Fatal(err)
	}
	want := *sent
	want.Observe, want.Exemptions, want.States = EntryObserve{}, nil, nil
	if diff := cmp.Diff(want, old.Entry); diff != "" {
		t.Errorf("-sent +read:\n%s", diff)
	}
}

// At rest an entry has the bytes that it had before enforcement; its new header takes under 3 % of it.
func TestEntriesAtRestDoNotGrow(t *testing.T) {
	for _, checks := range []int{1, 2, MaxChecks} {
		e := Entry{Tick: 1 << 20, Poll: Poll{At: 1_700_000_000_000}, States: make([]CheckState, checks)}
		for i := range checks {
			e.Checks = append(e.Checks, CheckRef{id(byte(i)), 1 << 20})
		}
		for range PageSize {
			e.Results = append(e.Results, Result{Device: NewID(), Score: 50, S2SID: "0123456789", ObservedAt: e.Poll.At,
				Verdicts: make([]Verdict, checks)})
		}
		with, err := Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		e.States = nil
		without, err := Marshal(&e)
		if err != nil || !bytes.Equal(with, without) {
			t.Errorf("%d checks: %d bytes at rest, %d without states: %v", checks, len(with), len(without), err)
		}
		header := len(HeaderFlips) + len(": \r\n") + len(FormatFlips(e.CheckFlips()))
		if share := float64(header) / float64(len(without)); share >= 0.03 {
			t.Errorf("%d checks: the header takes %d bytes, %.1f %% of the entry", checks, header, 100*share)
		}
		t.Logf("%d checks: %d bytes, header %d", checks, len(without), header)
	}
}

func TestFlipsInTheHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200_000)
		var all []CheckFlips
		held := 0
		for i := range rapid.IntRange(0, 4).Draw(t, "checks") {
			f := CheckFlips{Check: id(byte(255 - i)), Flips: Flips{Out: n.Draw(t, "out"), In: n.Draw(t, "in"),
				Passing: n.Draw(t, "passing"), Known: n.Draw(t, "known"), Net: n.Draw(t, "gained") - n.Draw(t, "lost")}}
			if f.Held = rapid.Bool().Draw(t, "held"); f.Held {
				held++
				f.Since, f.Tick, f.Devices = Millis(rapid.Int64Min(0).Draw(t, "since")), rapid.Uint64Max(1<<62).Draw(t, "tick"),
					n.Draw(t, "devices")
				f.Out, f.In, f.Safe = rapid.Bool().Draw(t, "lost"), rapid.Bool().Draw(t, "gained"), rapid.Bool().Draw(t, "safe")
			}
			all = append(all, f)
		}
		text := FormatFlips(all)
		back, err := ParseFlips(text)
		if err != nil || len(back) != len(all) || len(all) > 0 && !cmp.Equal(all, back) {
			t.Fatalf("%+v came back as %+v, %v", all, back, err)
		}
		if HoldsIn(text) != held {
			t.Fatalf("%d held checks in %q, want %d", HoldsIn(text), text, held)
		}
	})
	for _, bad := range []string{"", "2 0", "1", "1 0 x", "1 0 :1:2:3:4:5", "1 0 AwMDAwMDAwMDAwMDAwMDAw:1:2",
		"1 1 AwMDAwMDAwMDAwMDAwMDAw:1:2:3:4:5:6"} {
		if f, err := ParseFlips(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, f)
		}
	}
}

func TestFlipsOfAnEntry(t *testing.T) {
	e := enforced()["entry.1.enforced"].(*Entry)
	got := e.CheckFlips()
	want := []CheckFlips{
		{Check: id(3), Flips: e.States[0].Flips, Held: true, Since: 1_699_999_995_000, Tick: 8, Out: true, In: true, Safe: true, Devices: 1},
		{Check: id(4), Flips: Flips{Passing: 2, Known: 2}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ids, err := ParseEndedExemptions(e.EndedExemptions())
	if err != nil || !cmp.Equal(ids, []ID{id(7)}) {
		t.Errorf("ended exemptions %v, %v", ids, err)
	}
}

func TestBeyond(t *testing.T) {
	b := DefaultBreaker()
	for name, c := range map[string]struct {
		flips   Flips
		out, in bool
	}{
		"at rest":                   {Flips{Passing: 900, Known: 1000, Net: -180}, false, false},
		"at the limit":              {Flips{Out: 180, Passing: 900, Known: 1000}, false, false},
		"beyond the limit":          {Flips{Out: 181, Passing: 900, Known: 1000}, true, false},
		"opened at the limit":       {Flips{In: 200, Passing: 100, Known: 1000}, false, false},
		"opened beyond the limit":   {Flips{In: 201, Passing: 100, Known: 1000}, false, true},
		"both":                      {Flips{In: 300, Out: 300, Passing: 500, Known: 1000}, true, true},
		"churn":                     {Flips{In: 150, Out: 150, Passing: 800, Known: 1000}, false, false},
		"floor":                     {Flips{Out: 10, Passing: 10, Known: 10}, false, false},
		"beyond the floor":          {Flips{Out: 11, Passing: 11, Known: 11}, true, false},
		"a slow loss":               {Flips{Out: 1, Passing: 800, Known: 1000, Net: -200}, true, false},
		"a slow loss at the limit":  {Flips{Out: 1, Passing: 801, Known: 1000, Net: -199}, false, false},
		"a slow gain":               {Flips{In: 1, Passing: 700, Known: 1000, Net: 200}, false, true},
		"a slow loss that recovers": {Flips{In: 100, Passing: 700, Known: 1000, Net: -300}, false, false},
	} {
		if out, in := b.Beyond(c.flips); out != c.out || in != c.in {
			t.Errorf("%s: out %t, in %t", name, out, in)
		}
	}
	if out, in := (&Breaker{Off: true}).Beyond(Flips{Out: 5, In: 5}); out || in {
		t.Error("a breaker that is off trips")
	}
	if out, _ := (&Breaker{}).Beyond(Flips{Out: 1, Passing: 1000}); !out {
		t.Error("a share and a floor of 0 allow a flip")
	}
}

func TestMembersOutOfBounds(t *testing.T) {
	now := Millis(1_700_000_000_000)
	errs := map[string]error{
		"x_recover_score":         (&Check{Operator: ">=", Score: 50, RecoverScore: number(50)}).ValidateEnforcement(),
		"x_recover_score must":    (&Check{Operator: "<", Score: 50, RecoverScore: number(60)}).ValidateEnforcement(),
		"x_recover_score must be": (&Check{Operator: "==", Score: 50, RecoverScore: number(60)}).ValidateEnforcement(),
		"x_recover_score must l":  (&Check{Operator: ">=", Score: 50, RecoverScore: number(101)}).ValidateEnforcement(),
		"x_recover_score must le": (&Check{Operator: "<", Score: 50, RecoverScore: number(0)}).ValidateEnforcement(),
		"x_mode":                  (&Check{Mode: "off"}).ValidateEnforcement(),
		"x_grace":                 (&Check{Grace: -1}).ValidateEnforcement(),
		"x_grace must":            (&Check{Grace: MaxGrace + 1}).ValidateEnforcement(),
		"x_remediation":           (&Check{Remediation: strings.Repeat("ü", 2001)}).ValidateEnforcement(),
		"x_breaker: share":        (&Check{Breaker: &BreakerSettings{Share: new(2.0)}}).ValidateEnforcement(),
		"device":                  (&Exemption{Until: now + 1, Reason: "r"}).Validate(now),
		"reason":                  (&Exemption{Device: id(1), Until: now + 1, Reason: " \n"}).Validate(now),
		"until":                   (&Exemption{Device: id(1), Until: now, Reason: "r"}).Validate(now),
		"until must be within":    (&Exemption{Device: id(1), Until: now.Add(367 * 24 * time.Hour), Reason: "r"}).Validate(now),
		"until is required":       (&ObserveSwitch{Reason: "r"}).Validate(now),
		"until must be within 7":  (&ObserveSwitch{Until: now.Add(MaxObserve + time.Hour + 1e6), Reason: "r"}).Validate(now),
	}
	for prefix, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("%s: %v", prefix, err)
		}
	}
	for _, err := range []error{
		(&Check{Operator: "<", Score: 50, RecoverScore: number(49), Mode: ModeObserve, Grace: MaxGrace,
			Remediation: strings.Repeat("ü", 2000)}).ValidateEnforcement(),
		(&Check{}).ValidateEnforcement(),
		(&Exemption{Device: id(1), Until: now.Add(365 * 24 * time.Hour), Reason: "r"}).Validate(now),
		(&ObserveSwitch{Until: now + 1, Reason: "r"}).Validate(now),
		(&ObserveSwitch{Until: now.Add(MaxObserve), Reason: "r"}).Validate(now),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestReasonsAreText checks that no reason of a person has control characters, which may mean something where the
// reason is shown.
func TestReasonsAreText(t *testing.T) {
	now := Millis(1_700_000_000_000)
	for reason, good := range map[string]bool{
		"a broken disk":              true,
		"two\nlines,\ta tab, \u00fc": true,
		"lines of\r\na form\r\n":     true,
		"ok\revent: x":               false,
		"ok\r\r\n":                   false,
		"\x1b[2J":                    false,
		"a\x00b":                     false,
		"a\u0085b":                   false,
	} {
		for what, err := range map[string]error{
			"exemption": (&Exemption{Device: id(1), Until: now + 1, Reason: reason}).Validate(now),
			"switch":    (&ObserveSwitch{Until: now + 1, Reason: reason}).Validate(now),
			"hold":      ValidateReason(reason),
		} {
			if (err == nil) != good {
				t.Errorf("%s, %q: %v", what, reason, err)
			}
		}
	}
}

func TestRecovers(t *testing.T) {
	for _, c := range []struct {
		op      Operator
		recover *float64
		passes  []int
		fails   []int
	}{
		{">=", nil, []int{50, 100}, []int{49}},
		{">=", number(60), []int{60, 100}, []int{50, 59}},
		{">=", number(40), []int{50}, []int{49}}, // not stricter: no effect
		{"<", number(40), []int{39}, []int{40, 49}},
		{"==", number(40), []int{50}, []int{40}},
	} {
		k := Check{Operator: c.op, Score: 50, RecoverScore: c.recover}
		for _, s := range c.passes {
			if !k.Recovers(s) {
				t.Errorf("%s %v: %d does not recover", c.op, c.recover, s)
			}
		}
		for _, s := range c.fails {
			if k.Recovers(s) {
				t.Errorf("%s %v: %d recovers", c.op, c.recover, s)
			}
		}
	}
}

func TestRuleIsOfTheMembersThatDecide(t *testing.T) {
	base := Check{Type: TypeCustomS2S, Operator: ">=", Score: 50}
	same := []Check{{Name: "n"}, {Remediation: "r"}, {Grace: 1}, {Expiration: 1}, {Mode: ModeEnforce},
		{Breaker: &BreakerSettings{}}}
	for _, c := range same {
		c.Type, c.Operator, c.Score = base.Type, base.Operator, base.Score
		if c.Rule() != base.Rule() {
			t.Errorf("%+v has another rule", c)
		}
	}
	for _, c := range []Check{{Type: base.Type, Operator: ">", Score: 50}, {Type: base.Type, Operator: ">=", Score: 51},
		{Type: base.Type, Operator: ">=", Score: 50, RecoverScore: number(60)},
		{Type: base.Type, Operator: ">=", Score: 50, Mode: ModeObserve}} {
		if c.Rule() == base.Rule() {
			t.Errorf("%+v has the same rule", c)
		}
	}
}

func TestAHoldIsDecidedOnce(t *testing.T) {
	h := &Hold{State: HoldStanding, Release: []PageTick{{1, 1}}}
	rejected, ok := h.Decide(HoldRejected, "a", "r", 5)
	if !ok || rejected.State != HoldRejected || rejected.By != "a" || rejected.Reason != "r" || rejected.DecidedAt != 5 ||
		h.State != HoldStanding {
		t.Errorf("%+v, %t", rejected, ok)
	}
	if _, ok := rejected.Decide(HoldRejected, "b", "r", 6); ok {
		t.Error("rejected twice")
	}
	released, ok := rejected.Decide(HoldReleased, "b", "r", 6)
	if !ok || len(released.Release) != 0 {
		t.Errorf("%+v, %t", released, ok)
	}
	for _, s := range []HoldState{HoldReleased, HoldEnded} {
		if _, ok := (&Hold{State: s}).Decide(HoldReleased, "c", "r", 7); ok {
			t.Errorf("a hold that is %s was released", s)
		}
	}
	if _, ok := (&Hold{State: HoldExpired}).Decide(HoldRejected, "c", "r", 7); ok {
		t.Error("a hold under the safe side was rejected")
	}
	if h, ok := (&Hold{State: HoldExpired}).Decide(HoldReleased, "c", "r", 7); !ok || h.State != HoldReleased {
		t.Errorf("%+v, %t", h, ok)
	}
	if n := released.Notice(Account{1}); n.State != HoldReleased || n.DecidedAt != 6 || n.Check != h.Check ||
		n.Account != (Account{1}) {
		t.Errorf("%+v", n)
	}
}

func TestHoldTime(t *testing.T) {
	o := &Organization{Breaker: &BreakerSettings{MaxHold: 2 * time.Hour}}
	for want, c := range map[time.Duration]*Check{2 * time.Hour: nil, time.Hour: {Expiration: time.Hour},
		time.Millisecond: {Expiration: 1}, 30 * time.Minute: {Breaker: &BreakerSettings{MaxHold: 30 * time.Minute}},
		20 * time.Minute: {Breaker: &BreakerSettings{MaxHold: 30 * time.Minute}, Expiration: 20 * time.Minute}} {
		if got := HoldTime(c, o); got != want {
			t.Errorf("%+v: %v, want %v", c, got, want)
		}
	}
	if got := HoldTime(&Check{Expiration: 24 * time.Hour}, nil); got != 4*time.Hour {
		t.Errorf("the default is %v", got)
	}
}

func TestChangesHaveTheObservedOutcome(t *testing.T) {
	r := &Result{Device: id(1), Score: 8}
	for _, to := range []Verdict{
		{OutcomePass, ReasonExempt, OutcomeFail}, {OutcomePass, ReasonObserveOnly, OutcomeUnknown},
		{OutcomeFail, ReasonScore, OutcomePass}, {OutcomePass, ReasonScore, OutcomePass}, {},
	} {
		d := Changed(r, OutcomeNone, to)
		if got := d.ObservedOutcome(to.Outcome); got != to.Observed || d.Differs != (to.Observed != to.Outcome) {
			t.Errorf("%+v: %+v, observed %v", to, d, got)
		}
	}
}
