package store_test

import (
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// TestActionsAreRecorded checks that an action is recorded when it is over, and as unknown if its outcome is never
// reported.
func TestActionsAreRecorded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	s := newStore(t, f)
	ctx := t.Context()
	lost, err := s.BeginAction(ctx, f.Account, store.Change{Action: "rotate", Kind: "keys"})
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.BeginAction(ctx, f.Account, store.Change{Action: "revoke", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := s.BeginAction(ctx, f.Account, store.Change{Action: "delete", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	done.End(ctx, store.Change{Action: "revoke", Kind: device.AuditKind, ID: "1"},
		store.Change{Action: "revoke", Kind: device.AuditKind, ID: "2"})
	refused.Settle(ctx, v4.Rejected(device.ErrNotFound))
	if got := apitest.Summary(f.Events()); got != "revoke device, revoke device" {
		t.Errorf("recorded %s", got)
	}
	bustest.Eventually(t, "the action without an outcome is recorded", func() bool {
		f.Clock.Advance(store.Lease)
		return len(f.Events()) == 3
	})
	if e := f.Events()[2]; e.ID != lost.EventID() || !e.Unsure || e.Action != "rotate" {
		t.Errorf("recorded %+v", e)
	}
	bustest.Eventually(t, "nothing waits", func() bool {
		subjects, err := f.Conn.Subjects(ctx, topology.AuditOutbox, ">")
		return err == nil && len(subjects) == 0
	})
	if n := len(f.Events()); n != 3 {
		t.Errorf("%d events", n)
	}
}

// TestActionLongerThanItsLease checks that the end of an action after its lease is another event: the first may have
// been published.
func TestActionLongerThanItsLease(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	s := newStore(t, f)
	x, err := s.BeginAction(t.Context(), f.Account, store.Change{Action: "revoke", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(store.Lease)
	x.End(t.Context(), store.Change{Action: "revoke", Kind: device.AuditKind, ID: "1"})
	bustest.Eventually(t, "its end is recorded", func() bool {
		all := f.Events()
		return len(all) > 0 && all[len(all)-1].Resource == "1" && all[len(all)-1].ID != x.EventID()
	})
}
