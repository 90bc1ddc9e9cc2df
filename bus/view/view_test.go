package view_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// tagView holds the names of the tags in CONFIG.
type tagView struct {
	*view.View
	mu    sync.Mutex
	names map[string]string // by key
}

func newTagView(c *bus.Conn) *tagView {
	v := &tagView{names: map[string]string{}}
	v.View = view.New(c, topology.Config, []string{topology.ConfigKeys(topology.KindTag)}, v.apply)
	return v
}

func (v *tagView) apply(u bus.Update) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.names, u.Key)
	if u.Deleted {
		return nil
	}
	var tag proto.Tag
	if err := u.Decode(&tag); err != nil {
		return err
	}
	v.names[u.Key] = tag.Name
	return nil
}

func (v *tagView) all() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.names)
}

// A view contains the bucket once it is in sync, and every revision that was awaited. It reports an unreadable record
// with its key, and goes on after it, also if it runs again.
func TestAViewFollowsItsBucket(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	c, operator, a := b.Conn(topology.API), b.Conn(topology.Operator), proto.NewAccount()
	key := func(name string) string { return topology.ConfigKey(a, topology.KindTag, topology.TagID(a, name)) }
	put := func(name string, expect uint64) uint64 {
		t.Helper()
		revision, err := c.Put(t.Context(), topology.Config, key(name), &proto.Tag{Name: name}, expect)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	first := put("first", 0)
	v := newTagView(c)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Await(ended); !errors.Is(err, context.Canceled) || v.InSync() || v.Revision() != 0 {
		t.Errorf("before the view runs: %v, at revision %d", err, v.Revision())
	}
	stop := bustest.Run(t, v.Run)
	if err := v.Await(t.Context()); err != nil || !v.InSync() || v.all()[key("first")] != "first" ||
		v.Revision() != first {
		t.Errorf("in sync: %v, %v, at revision %d", v.all(), err, v.Revision())
	}
	<-v.Synced()

	changed := v.Changed()
	garbage, err := operator.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Config, key("bad")),
		[]byte("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	<-changed
	if err := v.AwaitRevision(t.Context(), garbage.Sequence); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.UnreadableRecords()); !strings.Contains(got, "KV_CONFIG 1 1") {
		t.Errorf("unreadable records: %s", got)
	}
	second := put("second", 0)
	if err := c.Delete(t.Context(), topology.Config, key("first"), first); err != nil {
		t.Fatal(err)
	}
	if err := v.AwaitRevision(t.Context(), second+1); err != nil {
		t.Fatal(err)
	}
	if got := v.all(); len(got) != 1 || got[key("second")] != "second" {
		t.Errorf("after a deletion: %v", got)
	}
	if err := v.AwaitRevision(ended, second+2); !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), fmt.Sprint("is not yet at revision ", second+2)) {
		t.Errorf("a revision that does not exist: %v", err)
	}

	stop()
	put("bad", garbage.Sequence)
	last := put("third", 0)
	bustest.Run(t, v.Run)
	if err := v.AwaitRevision(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if got := v.all(); len(got) != 3 {
		t.Errorf("after the view ran again: %v", got)
	}
}
