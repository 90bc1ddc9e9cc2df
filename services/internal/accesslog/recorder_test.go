package accesslog

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func newRecorder(t *testing.T, bound int) (*Recorder, prometheus.Counter, *bustest.Bus) {
	t.Helper()
	b := bustest.Start(t)
	lost := prometheus.NewCounter(prometheus.CounterOpts{Name: "lost"})
	return New(b.Conn(topology.Exchange), slog.New(slog.NewTextHandler(t.Output(), nil)), bound, lost), lost, b
}

// A client coming again and again is one message, and none of its authentications is lost.
func TestEqualAuthenticationsAreOneMessage(t *testing.T) {
	r, lost, _ := newRecorder(t, 2)
	account, app := proto.NewAccount(), proto.NewID()
	for i := range 5 {
		r.Record(account,
			proto.Authentication{Application: app, ClientID: "c", At: proto.Millis(i + 1), Ray: "r", Reason: "service_auth"})
	}
	r.Record(account, proto.Authentication{Application: app, ClientID: "c", At: 9, Reason: "denied"})
	r.Record(account, proto.Authentication{Application: proto.NewID(), ClientID: "c", At: 9, Reason: "denied"})
	all := r.take()
	if len(all) != 2 {
		t.Fatalf("%d messages", len(all))
	}
	first := all[0].Body.(*proto.Authentication)
	if first.Count != 5 || first.At != 1 || first.Ray != "r" || all[1].Body.(*proto.Authentication).Reason != "denied" {
		t.Errorf("%+v, %+v", first, all[1].Body)
	}
	if n := testutil.ToFloat64(lost); n != 1 {
		t.Errorf("%v are counted as lost with room for 2 of 3", n)
	}
}

// Strangers may come with any number of different requests: those of people and services have room beside them.
func TestRequestsOfNobodyDoNotPushOutThoseOfSomebody(t *testing.T) {
	r, lost, _ := newRecorder(t, 8)
	account := proto.NewAccount()
	for range 2 { // the room of one second
		before := testutil.ToFloat64(lost)
		for range 100 {
			r.Record(account, proto.Authentication{Application: proto.NewID(), Reason: "login_required"})
		}
		for range 3 {
			r.Record(account, proto.Authentication{Application: proto.NewID(), ClientID: "c", Reason: "service_auth"})
			r.Record(account, proto.Authentication{Application: proto.NewID(), User: proto.NewID(), Reason: "allow"})
		}
		of := map[string]int{}
		for _, m := range r.take() {
			of[m.Body.(*proto.Authentication).Reason]++
		}
		if of["login_required"] != 2 || of["service_auth"] != 3 || of["allow"] != 3 {
			t.Errorf("%v", of)
		}
		if n := testutil.ToFloat64(lost) - before; n != 98 {
			t.Errorf("%v are counted as lost", n)
		}
	}
}

func TestWhatIsLeftIsWrittenAtTheEnd(t *testing.T) {
	r, lost, b := newRecorder(t, 300)
	account := proto.NewAccount()
	for range 300 {
		r.Record(account, proto.Authentication{Application: proto.NewID(), User: proto.NewID()})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	stream, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.AccessLogs)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 300 || testutil.ToFloat64(lost) != 0 {
		t.Errorf("%d messages, %v lost", n, testutil.ToFloat64(lost))
	}
}
