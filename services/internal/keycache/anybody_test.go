package keycache

import (
	"fmt"
	"testing"
	"time"

	"plumbline.dev/proto"
)

// A token without identity is obtained once for each application, policy and common name.
func TestAnybodysTokenIsObtainedOnce(t *testing.T) {
	k, e, c := newCache(t, Config{})
	e.set(func() { e.life, e.clock = time.Hour, c })
	q := AnybodyRequest{Account: proto.NewAccount(), App: proto.NewID(), AppRevision: 4, Policy: proto.NewID(),
		CommonName: "laptop"}
	get := func(q AnybodyRequest, want int) {
		t.Helper()
		if got, err := k.Anybody(t.Context(), q); err != nil || got != fmt.Sprintf("%s %d", statementSubject, want) {
			t.Errorf("%q, %v, want %d", got, err, want)
		}
	}
	for range 3 {
		get(q, 1)
	}
	for n, change := range []func(*AnybodyRequest){
		func(q *AnybodyRequest) { q.App = proto.NewID() }, func(q *AnybodyRequest) { q.AppRevision++ },
		func(q *AnybodyRequest) { q.Policy = proto.NewID() }, func(q *AnybodyRequest) { q.CommonName = "" },
	} {
		other := q
		change(&other)
		get(other, n+2)
	}
	get(q, 1)
	c.Advance(time.Hour)
	get(q, 6)
}
