package posture

import (
	"testing"
	"time"

	"plumbline.dev/proto"
)

func TestTestLimit(t *testing.T) {
	l, now := newTestLimit(), time.Unix(1_700_000_000, 0)
	admit := func(a proto.Account, at time.Time) (done func()) {
		t.Helper()
		done, err := l.begin(a, at)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	one, other, third := proto.NewAccount(), proto.NewAccount(), proto.NewAccount()
	var under []func()
	for _, a := range []proto.Account{one, other} {
		for range testsByOne {
			under = append(under, admit(a, now))
		}
		if _, err := l.begin(a, now); err == nil {
			t.Errorf("more than %d tests of an account are under way", testsByOne)
		}
	}
	if _, err := l.begin(third, now); err == nil {
		t.Errorf("more than %d tests are under way", testsAtOnce)
	}
	for _, done := range under {
		done()
	}
	for range testsInBurst - testsByOne {
		admit(one, now)()
	}
	for range 2 * testsAtOnce { // a refused test gives its place back
		if _, err := l.begin(one, now); err == nil {
			t.Errorf("an account may make more than %d tests at one time", testsInBurst)
		}
	}
	admit(third, now)()
	admit(one, now.Add(testsInterval))()
	if len(l.under) != 0 || len(l.places) != 0 {
		t.Errorf("%d accounts and %d places are kept when no test is under way", len(l.under), len(l.places))
	}
}
