package proto

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIDText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%s came back as %s, %v", id, back, err)
		}
	})
	for _, bad := range []string{"", "x", "0123456789abcdef0123456789abcdef", "{00000000-0000-0000-0000-000000000000}",
		"00000000-0000-0000-0000-00000000000g", "00000000+0000-0000-0000-000000000000"} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("%q was read as %s", bad, id)
		}
	}
	upper, err := ParseID("ABCDEF00-0000-4000-8000-00000000000A")
	if err != nil || upper.String() != "abcdef00-0000-4000-8000-00000000000a" {
		t.Errorf("upper case: %s, %v", upper, err)
	}
}

func TestDeriveIDIsVersion5(t *testing.T) {
	// RFC 9562 appendix A.4: the version 5 UUID of www.example.com in the DNS namespace.
	dns, err := ParseID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	if err != nil {
		t.Fatal(err)
	}
	if got := DeriveID(Account(dns), "www.example.com").String(); got != "2ed6657d-e927-568b-95e1-2665a8aea6a2" {
		t.Errorf("got %s", got)
	}
}

func TestAccountText(t *testing.T) {
	a := NewAccount()
	back, err := ParseAccount(a.String())
	if err != nil || back != a {
		t.Fatalf("%s came back as %s, %v", a, back, err)
	}
	for _, bad := range []string{"", "0123456789ABCDEF0123456789abcdef", "zz23456789abcdef0123456789abcdef"} {
		if _, err := ParseAccount(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSummaryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Summary{
			Tick: rapid.Uint64().Draw(t, "tick"), Cause: Cause(rapid.IntRange(0, 4).Draw(t, "cause")),
			PolledAt: Millis(rapid.Int64Min(0).Draw(t, "polled")), EvaluatedAt: 5, NextExpiry: 6, TookMillis: 7,
			Error: ReasonTimeout, Closed: rapid.Bool().Draw(t, "closed"), Devices: 8, Unknown: 9, Pass: 10, Fail: 11,
			Changed: 12,
		}
		if rapid.Bool().Draw(t, "enforced") {
			s.Enforced = Enforced{ObserveOnly: rapid.IntRange(0, 9).Draw(t, "observe only"), Exempt: 1, Grace: 2, Held: 3}
		}
		if rapid.Bool().Draw(t, "planned") {
			s.PlanMillis = rapid.Int64Range(1, 1_000_000).Draw(t, "plan")
		}
		back, err := ParseSummary(s.String())
		if err != nil || back != s {
			t.Fatalf("%q came back as %+v, %v", s, back, err)
		}
		if s.Enforced != (Enforced{}) && s.PlanMillis == 0 {
			return // a newer writer would write the field before its own
		}
		if grown, err := ParseSummary(s.String() + " 13 14"); err != nil || grown != s {
			t.Fatalf("with fields of a newer writer: %+v, %v", grown, err)
		}
	})
	for _, bad := range []string{"a 2 3 4", "1 2 3 -"} {
		if s, err := ParseSummary(Summary{}.String() + " " + bad); err == nil {
			t.Errorf("%q was read as %+v", bad, s)
		}
	}
	v := func(r Reason) Verdict { return Verdict{Outcome: OutcomePass, Reason: r} }
	e := Entry{Results: []Result{
		{Verdicts: []Verdict{v(ReasonHeld), v(ReasonScore), v(ReasonGrace)}},
		{Verdicts: []Verdict{v(ReasonHeld), v(ReasonObserveOnly), v(ReasonExempt)}}}}
	if got := e.Summarize(0).Enforced; got != (Enforced{ObserveOnly: 1, Exempt: 1, Grace: 1, Held: 2}) {
		t.Errorf("counted %+v", got)
	}
	e.Poll = Poll{At: 1000, Took: 300 * time.Millisecond, TickAt: 680}
	if got := e.Summarize(0).PlanMillis; got != 20 {
		t.Errorf("the plan took %d ms", got)
	}
	if s, err := ParseSummary("1 2 3"); err == nil {
		t.Errorf("a short summary was read as %+v", s)
	}
}

func TestOperators(t *testing.T) {
	for _, c := range []struct {
		op        Operator
		score     int
		threshold float64
		holds, ok bool
	}{
		{OpLess, 49, 50, true, true}, {OpLess, 50, 50, false, true},
		{OpLessEqual, 50, 50, true, true}, {OpLessEqual, 51, 50, false, true},
		{OpGreater, 51, 50, true, true}, {OpGreater, 50, 50, false, true},
		{OpGreaterEqual, 50, 50.5, false, true}, {OpGreaterEqual, 51, 50.5, true, true},
		{OpEqual, 50, 50, true, true}, {OpEqual, 50, 50.5, false, true},
		{"=", 50, 50, false, false}, {"", 0, 0, false, false},
	} {
		if holds, ok := c.op.Holds(c.score, c.threshold); holds != c.holds || ok != c.ok {
			t.Errorf("%d %s %v: %t, %t", c.score, c.op, c.threshold, holds, ok)
		}
	}
}

func TestMillis(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	if got := At(now).Time(); !got.Equal(now) {
		t.Errorf("%v came back as %v", now, got)
	}
	if At(time.Time{}) != 0 || !Millis(0).Time().IsZero() {
		t.Error("the zero time is not 0")
	}
}

func TestParseIDBytesAllocatesNothing(t *testing.T) {
	text, want := []byte("AAAAAAAA-0000-4000-8000-0123456789ab"), ID{}
	if n := testing.AllocsPerRun(100, func() { want, _ = ParseIDBytes(text) }); n != 0 || want.IsZero() {
		t.Errorf("%v allocations for %v", n, want)
	}
}
