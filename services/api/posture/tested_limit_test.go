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
	one, other := proto.NewAccount(), proto.NewAccount()
	var under []func()
	for range testsAtOnce {
		under = append(under, admit(one, now))
	}
	if _, err := l.begin(other, now); err == nil {
		t.Errorf("more than %d tests are under way", testsAtOnce)
	}
	for _, done := range under {
		done()
	}
	for range testsInBurst - testsAtOnce {
		admit(one, now)()
	}
	for range 2 * testsAtOnce { // a refused test gives its place back
		if _, err := l.begin(one, now); err == nil {
			t.Errorf("an account may make more than %d tests at one time", testsInBurst)
		}
	}
	admit(other, now)()
	admit(one, now.Add(testsInterval))()
}
