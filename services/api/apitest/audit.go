package apitest

import (
	"cmp"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// Events returns the audit events of the account, once those of every acknowledged change are in the audit log. They
// are ordered by their time on the fixture's clock: the log orders events of one bucket, but not those of different
// ones.
func (f *Fixture) Events() []*proto.AuditEvent {
	f.T.Helper()
	changes := store.New(f.Conn, bustest.Log(f.T), f.Clock, nil)
	bustest.Eventually(f.T, "every change is in the audit log", func() bool {
		return changes.AwaitRelayed(f.T.Context(), f.Account)
	})
	all := f.PublishedEvents()
	slices.SortStableFunc(all, func(a, b *proto.AuditEvent) int { return cmp.Compare(a.At, b.At) })
	return all
}

// PublishedEvents returns the audit events of the account that are in the audit log already, in the order of the log.
func (f *Fixture) PublishedEvents() []*proto.AuditEvent {
	f.T.Helper()
	var all []*proto.AuditEvent
	at, err := f.Conn.Position(f.T.Context(), topology.AuditLog)
	if err == nil {
		read := func(m *bus.Msg) error {
			e := new(proto.AuditEvent)
			all = append(all, e)
			return m.Decode(e)
		}
		err = f.Conn.Range(f.T.Context(), topology.AuditLog, topology.Audit(f.Account), 1, max(1, at.Last), read)
	}
	if err != nil {
		f.T.Fatal(err)
	}
	return all
}

// PurgeAudit empties the audit log.
func (f *Fixture) PurgeAudit() {
	f.T.Helper()
	f.purge(topology.AuditLog)
}

// purge empties a stream.
func (f *Fixture) purge(name string) {
	f.T.Helper()
	stream, err := f.Conn.JetStream().Stream(f.T.Context(), name)
	if err == nil {
		err = stream.Purge(f.T.Context())
	}
	if err != nil {
		f.T.Fatal(err)
	}
}

// RemoveAuditLog deletes the stream of the audit log. The result provisions it again.
func (f *Fixture) RemoveAuditLog() (restore func()) {
	f.T.Helper()
	if err := f.Conn.JetStream().DeleteStream(f.T.Context(), topology.AuditLog); err != nil {
		f.T.Fatal(err)
	}
	return func() {
		f.T.Helper()
		if err := provision.Topology(f.T.Context(), f.Conn, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
			f.T.Fatal(err)
		}
	}
}

// Summary returns the actions and kinds of events, such as "create app, delete app".
func Summary(all []*proto.AuditEvent) string {
	var lines []string
	for _, e := range all {
		lines = append(lines, e.Action+" "+e.Kind)
	}
	return strings.Join(lines, ", ")
}
