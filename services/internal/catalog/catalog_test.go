package catalog

import (
	"context"
	"errors"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestFollowsTheBucket(t *testing.T) {
	b := bustest.Start(t)
	writer, reader := b.Conn(topology.API), b.Conn(topology.Evaluator)
	a, integration, check := proto.NewAccount(), proto.NewID(), proto.NewID()
	put := func(kind topology.Kind, id proto.ID, m proto.Message, expect uint64) uint64 {
		t.Helper()
		revision, err := writer.Put(t.Context(), topology.Config, topology.ConfigKey(a, kind, id), m, expect)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	before := put(topology.KindIntegration, integration, &proto.Integration{ID: integration, Name: "first"}, 0)
	application := proto.NewID()
	put(topology.KindApplication, application, &proto.Application{ID: application}, 0) // not of a kind that is followed

	c := New(reader, topology.KindIntegration, topology.KindCheck)
	stop := bustest.Run(t, c.Run)
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, ok := c.Integration(a, integration); !ok || r.Value.Name != "first" || r.Revision != before {
		t.Fatalf("integration %+v, %t", r, ok)
	}
	if c.Revision() != before || len(c.Applications(a)) != 0 {
		t.Errorf("revision %d, %d applications", c.Revision(), len(c.Applications(a)))
	}

	everything := New(writer)
	go everything.Run(t.Context())
	if err := everything.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := everything.RevisionOf(topology.KindIntegration, topology.KindCheck); len(everything.Applications(a)) != 1 ||
		got != before || everything.Revision() <= got {
		t.Errorf("a view of all kinds: %d applications, integrations at %d, all at %d", len(everything.Applications(a)), got,
			everything.Revision())
	}

	changed := c.Changed()
	revision := put(topology.KindCheck, check, &proto.Check{ID: check, Integration: integration}, 0)
	if err := c.AwaitRevision(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	<-changed
	if got := c.Checks(a, integration); len(got) != 1 || got[0].Value.ID != check {
		t.Errorf("checks %+v", got)
	}
	if got := c.Checks(proto.NewAccount(), integration); len(got) != 0 {
		t.Errorf("another account sees %+v", got)
	}

	if err := writer.Delete(t.Context(), topology.Config, topology.ConfigKey(a, topology.KindCheck, check),
		revision); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitRevision(t.Context(), revision+1); err != nil {
		t.Fatal(err)
	}
	if got := c.Checks(a, integration); len(got) != 0 {
		t.Errorf("a deleted check is still there: %+v", got)
	}
	// A deleted resource can be created again.
	if again := put(topology.KindCheck, check, &proto.Check{ID: check, Integration: integration}, 0); again <= revision+1 {
		t.Errorf("made again at %d", again)
	}

	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.AwaitRevision(short, 1<<40); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what never comes: %v", err)
	}
	stop()
}

func TestABadRecordIsLeftOut(t *testing.T) {
	b := bustest.Start(t)
	writer := b.Conn(topology.Operator)
	a, good, bad := proto.NewAccount(), proto.NewID(), proto.NewID()
	if _, err := writer.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Config,
		topology.ConfigKey(a, topology.KindCheck, bad)), []byte("not msgpack")); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Put(t.Context(), topology.Config, topology.ConfigKey(a, topology.KindCheck, good),
		&proto.Check{ID: good}, 0); err != nil {
		t.Fatal(err)
	}
	c := New(b.Conn(topology.Evaluator), topology.KindCheck, topology.KindIntegration)
	go c.Run(t.Context())
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Check(a, good); !ok {
		t.Error("the good record is missing")
	}
	if _, ok := c.Check(a, bad); ok {
		t.Error("the bad record is there")
	}
}

// A subscriber has received every change up to the view's revision.
func TestTellsOfEachChange(t *testing.T) {
	b := bustest.Start(t)
	writer := b.Conn(topology.API)
	a, id := proto.NewAccount(), proto.NewID()
	k := topology.ConfigKey(a, topology.KindTag, id)
	var told []Change
	c := New(b.Conn(topology.API))
	c.Tell(func(ch Change) { told = append(told, ch) })
	go c.Run(t.Context())
	first, err := writer.Put(t.Context(), topology.Config, k, &proto.Tag{Name: "a"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := writer.Put(t.Context(), topology.Config, k, &proto.Tag{Name: "b"}, first)
	if err == nil {
		err = writer.Delete(t.Context(), topology.Config, k, second)
	}
	if err == nil {
		err = c.AwaitRevision(t.Context(), second+1)
	}
	if err != nil || len(told) == 0 {
		t.Fatal(err, told)
	}
	// Several changes before the view reads them are reported as one.
	last := told[len(told)-1]
	if last.Is != nil || last.Account != a || last.Kind != topology.KindTag || last.ID != id || last.Revision != second+1 {
		t.Errorf("%+v", told)
	}
	for n, ch := range told[1:] {
		if ch.Was != told[n].Is {
			t.Errorf("change %d is of %v, before there was %v", n+1, ch.Was, told[n].Is)
		}
	}
}
