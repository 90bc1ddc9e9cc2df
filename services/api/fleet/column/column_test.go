package column_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/fleet/filter"
)

const now proto.Millis = 1_700_000_000_000

var checks = []proto.ID{{1}, {2}, {3}} // the third has no results

// sample is a page with two integrations of one check each, and some devices without a result.
type sample struct {
	page    proto.Page
	entries [2]proto.Entry
}

func newSample(r *rand.Rand, devices int) *sample {
	s := &sample{}
	some := func(words ...string) string { return words[r.IntN(len(words))] }
	for n := range devices {
		d := proto.Device{ID: proto.ID{byte(r.Uint32()), byte(r.Uint32()), byte(n >> 8), byte(n)},
			Hostname: some("", "Laptop-1", "laptop-12", "Tablet\n1", "a", "aa", "ünder"),
			Email:    some("", "bob@example.com", "Ann@example.com"), Serial: some("PF1", "PF12", "XPF", "", "p*f"),
			MAC: some("00:1a:2b:3c:4d:5e", ""), IPv4: some("10.0.0.1", "10.0.0.11")}
		if r.IntN(8) == 0 {
			s.page.Revoked = append(s.page.Revoked, d)
		} else {
			s.page.Devices = append(s.page.Devices, d)
		}
	}
	reasons := []proto.Reason{proto.ReasonScore, proto.ReasonScore, proto.ReasonHeld, proto.ReasonExempt,
		proto.ReasonGrace, proto.ReasonObserveOnly, proto.ReasonMissing}
	spread := r.IntN(2) * 100_000
	for i := range s.entries {
		e := &s.entries[i]
		e.Checks = []proto.CheckRef{{ID: checks[i]}}
		for _, d := range append(slices.Clone(s.page.Devices), proto.Device{ID: proto.ID{255, 255, 255}}) {
			if r.IntN(10) == 0 {
				continue
			}
			v := proto.Verdict{Outcome: proto.Outcome(r.IntN(3)), Observed: proto.Outcome(r.IntN(3)),
				Reason: reasons[r.IntN(len(reasons))]}
			res := proto.Result{Device: d.ID, Score: proto.NoScore, Verdicts: []proto.Verdict{v}}
			if r.IntN(5) > 0 {
				res.Score, res.ObservedAt = r.IntN(101), now-60_000-proto.Millis(1000*(r.IntN(spread/1000+1)))
			}
			e.Results = append(e.Results, res)
		}
		r.Shuffle(len(e.Results), func(a, b int) { e.Results[a], e.Results[b] = e.Results[b], e.Results[a] })
	}
	return s
}

func (s *sample) columns() *column.Page {
	p := &column.Page{Text: column.NewText(&proto.Page{Devices: slices.Clone(s.page.Devices),
		Revoked: slices.Clone(s.page.Revoked)}, 7)}
	for n := range s.entries {
		p.Results = append(p.Results, column.NewResults(&s.entries[n], proto.ID{byte(n)}, uint64(n), p.Text))
	}
	return p
}

// holds is the meaning of a filter, for one device.
func (s *sample) holds(e filter.Expr, d *proto.Device, revoked bool) bool {
	switch e := e.(type) {
	case filter.All:
		return !slices.ContainsFunc(e, func(one filter.Expr) bool { return !s.holds(one, d, revoked) })
	case filter.Any:
		return slices.ContainsFunc(e, func(one filter.Expr) bool { return s.holds(one, d, revoked) })
	case filter.Not:
		return !s.holds(e.Of, d, revoked)
	case filter.Text:
		return textHolds(e, d)
	case filter.Check:
		return s.inState(d, checks[slices.Index([]string{"one", "two", "three"}, e.Name)], e.State) != e.Not
	case filter.Flag:
		if e.State == filter.StateRevoked {
			return revoked == e.On
		}
		return s.some(d, e.State) == e.On
	case filter.Outcome:
		return s.some(d, e.State)
	case filter.Score:
		lowest, _, found := s.score(d)
		return found && e.Op.Holds(int64(lowest), int64(e.Value))
	case filter.Age:
		_, at, found := s.score(d)
		if !found {
			return e.Op == filter.Greater || e.Op == filter.GreaterEqual
		}
		return e.Op.Holds(int64(now-at), e.Value.Milliseconds())
	}
	panic(fmt.Sprint(e))
}

func textHolds(e filter.Text, d *proto.Device) bool {
	lower := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "\n", " ") }
	values := []string{lower(d.Hostname), lower(d.Email), lower(d.Serial), lower(d.MAC), d.IPv4, d.ID.String()}
	if e.Field == filter.FieldAny {
		return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, e.Pattern) })
	}
	v := values[e.Field-filter.FieldName]
	if v == "" { // path.Match agrees, but for a pattern without characters
		return strings.Trim(e.Pattern, "*") == ""
	}
	ok, err := path.Match(strings.ReplaceAll(e.Pattern, "/", "_"), strings.ReplaceAll(v, "/", "_"))
	return err == nil && ok
}

func (s *sample) verdicts(d *proto.Device, visit func(proto.ID, proto.Verdict, *proto.Result)) {
	for n := range s.entries {
		for i := range s.entries[n].Results {
			if r := &s.entries[n].Results[i]; r.Device == d.ID {
				visit(s.entries[n].Checks[0].ID, r.Verdicts[0], r)
			}
		}
	}
}

func (s *sample) inState(d *proto.Device, check proto.ID, want filter.State) bool {
	verdict := proto.Verdict{}
	s.verdicts(d, func(id proto.ID, v proto.Verdict, _ *proto.Result) {
		if id == check {
			verdict = v
		}
	})
	switch want {
	case filter.StateHeld:
		return verdict.Reason == proto.ReasonHeld
	case filter.StateExempt:
		return verdict.Reason == proto.ReasonExempt
	case filter.StateGrace:
		return verdict.Reason == proto.ReasonGrace
	case filter.StateObserve:
		return verdict.Reason == proto.ReasonObserveOnly
	}
	return verdict.Outcome.String() == want.String()
}

func (s *sample) some(d *proto.Device, want filter.State) bool {
	return slices.ContainsFunc(checks, func(id proto.ID) bool { return s.inState(d, id, want) })
}

func (s *sample) score(d *proto.Device) (lowest int, oldest proto.Millis, found bool) {
	s.verdicts(d, func(_ proto.ID, _ proto.Verdict, r *proto.Result) {
		if r.ObservedAt == 0 {
			return
		}
		if !found || r.Score < lowest {
			lowest = r.Score
		}
		if !found || r.ObservedAt < oldest {
			oldest = r.ObservedAt
		}
		found = true
	})
	return lowest, oldest, found
}

// count adds a device, of which in reports whether it has a state.
func (s *sample) count(c *column.Counts, in func(filter.State) bool) {
	for state, n := range map[filter.State]*int{filter.StatePass: &c.Pass, filter.StateFail: &c.Fail,
		filter.StateUnknown: &c.Unknown, filter.StateHeld: &c.Held, filter.StateExempt: &c.Exempt,
		filter.StateGrace: &c.Grace, filter.StateObserve: &c.Observe} {
		if in(state) {
			*n++
		}
	}
}

var errUnknown = errors.New("unknown check")

func named(name string) ([]proto.ID, error) {
	if n := slices.Index([]string{"one", "two", "three"}, name); n >= 0 {
		return checks[n : n+1], nil
	}
	return nil, errUnknown
}

var filters = []string{
	"", "laptop", "LAPTOP-1", "bob", "example", "10.0.0.1", "00:1a", `"tablet 1"`, "ünder", "nothing", `""`,
	"name:laptop-1", "name:laptop-1*", "name:*1", "name:*-1*", "name:l*p*2", "name:*", `name:""`, "name:a", "name:a*a",
	"name:aa",
	"user:bob*", "-user:bob*", "serial:PF*", "serial:*PF", "mac:00:1a:*", "ip:10.0.0.1", "id:00*", "id:*0*",
	"check:one=pass", "check:one!=pass", "check:two=fail", "check:three=unknown", "check:three=fail", "check:one=held",
	"check:two=exempt", "check:one=grace", "check:one=observe", "outcome:fail", "outcome:pass", "outcome:unknown",
	"held:yes", "held:no", "exempt:yes", "grace:no", "observe:yes", "revoked:yes", "revoked:no", "revoked:yes OR laptop",
	"score<50", "score>=50", "score=0", "score!=7", "age>1m", "age<90s", "age<=61s", "age>1h",
	"(check:one=fail OR check:two=fail) -serial:PF* laptop", "-(outcome:fail laptop) age>80s", "NOT -revoked:yes",
	"laptop OR bob OR score<20", "-laptop -bob", "0000", "-0000 OR bob", "laptop OR 0000 OR name:a OR id:*00-*",
}

func TestSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 63, 64, 65, 300, proto.PageSize} {
		s := newSample(r, size)
		p := s.columns()
		for _, text := range filters {
			e, err := filter.Parse(text)
			if err != nil && text == "00:1a" {
				e = filter.Text{Pattern: "00:1a"}
			} else if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			q, err := column.NewQuery(e, now, checks, named)
			if err != nil {
				t.Fatal(err)
			}
			scanner := q.Scanner()
			rows := scanner.Select(p)
			if again := scanner.Select(p); again != rows {
				t.Errorf("%s: a second selection differs", text)
			}
			found := 0
			check := func(list []proto.Device, revoked bool) {
				for i := range list {
					row := slices.Index(p.IDs, list[i].ID)
					want := s.holds(e, &list[i], revoked) && (!revoked || filter.Mentions(e, filter.StateRevoked))
					if got := rows.Has(row); got != want {
						t.Errorf("%d devices, %s: %t for %+v (revoked %t), want %t", size, text, got, list[i], revoked, want)
					} else if got {
						found++
					}
				}
			}
			check(s.page.Devices, false)
			check(s.page.Revoked, true)
			if n := rows.Count(); n != found {
				t.Errorf("%d devices, %s: %d rows, want %d", size, text, n, found)
			}
		}
	}
}

func TestStatesAndScores(t *testing.T) {
	s := newSample(rand.New(rand.NewPCG(3, 4)), 200)
	p := s.columns()
	q, _ := column.NewQuery(filter.All{}, now, checks, named)
	all := q.Scanner().Select(p)
	if all.Count() != len(s.page.Devices) || !q.All() {
		t.Errorf("%d of %d active devices", all.Count(), len(s.page.Devices))
	}
	tally := column.NewTally(checks)
	tally.Add(p, all)
	want := column.NewTally(checks)
	want.Devices = len(s.page.Devices)
	for i := range s.page.Devices {
		s.count(&want.Some, func(want filter.State) bool { return s.some(&s.page.Devices[i], want) })
		for n, id := range checks {
			s.count(&want.Checks[n], func(want filter.State) bool { return s.inState(&s.page.Devices[i], id, want) })
		}
	}
	if tally.Devices != want.Devices || tally.Revoked != 0 || tally.Some != want.Some ||
		!slices.Equal(tally.Checks, want.Checks) || want.Some.Held == 0 || want.Checks[2].Unknown != want.Devices {
		t.Errorf("%+v, want %+v", tally, want)
	}
	for i := range s.page.Devices {
		d := &s.page.Devices[i]
		row := slices.Index(p.IDs, d.ID)
		s.verdicts(d, func(id proto.ID, v proto.Verdict, _ *proto.Result) {
			want := proto.ReasonNone
			if v.Reason.Enforced() {
				want = v.Reason
			}
			if outcome, observed, why := p.State(id, row); outcome != v.Outcome || observed != v.Observed || why != want {
				t.Errorf("%v, %v, %v, want %+v", outcome, observed, why, v)
			}
		})
		lowest, oldest, found := s.score(d)
		if l, o, f := p.Score(row); l != lowest || f != found || max(o-oldest, oldest-o) > 1000 {
			t.Errorf("%d %d %t, want %d %d %t", l, o, f, lowest, oldest, found)
		}
	}
}

func TestUnknownCheck(t *testing.T) {
	for _, text := range []string{"check:four=fail", "a -(b OR check:four=fail)"} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := column.NewQuery(e, now, checks, named); !errors.Is(err, errUnknown) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
