package bustest

import (
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Records writes records of one account to the buckets, as the control plane does. Each write expects the revision of
// the last one. A failed write fails the test. It is not safe for concurrent use.
type Records struct {
	t         testing.TB
	conn      *bus.Conn
	account   proto.Account
	revisions map[string]uint64 // by key
}

// NewRecords returns a writer of an account's records over a connection of a role that may write them.
func NewRecords(t testing.TB, conn *bus.Conn, account proto.Account) *Records {
	return &Records{t: t, conn: conn, account: account, revisions: map[string]uint64{}}
}

// Put writes a record and returns its revision.
func (r *Records) Put(bucket, key string, m proto.Message) uint64 {
	r.t.Helper()
	revision, err := r.conn.Put(r.t.Context(), bucket, key, m, r.revisions[key])
	if err != nil {
		r.t.Fatal(err)
	}
	r.revisions[key] = revision
	return revision
}

// Delete deletes a record and returns the revision of its deletion.
func (r *Records) Delete(bucket, key string) uint64 {
	r.t.Helper()
	err := r.conn.Delete(r.t.Context(), bucket, key, r.revisions[key])
	var marker *bus.Msg
	if err == nil {
		marker, err = r.conn.Last(r.t.Context(), topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.revisions[key] = marker.Seq
	return marker.Seq
}

// Configure writes a configured resource, such as an application or a policy, and returns its revision.
func (r *Records) Configure(kind topology.Kind, id proto.ID, m proto.Message) uint64 {
	r.t.Helper()
	return r.Put(topology.Config, topology.ConfigKey(r.account, kind, id), m)
}

// ServiceToken writes a service token and returns its revision.
func (r *Records) ServiceToken(token *proto.ServiceToken) uint64 {
	r.t.Helper()
	key, err := topology.ServiceTokenKey(r.account, token.ClientID)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.Put(topology.Tokens, key, token)
}

// Expect sets the revision that the next write of a record replaces, after another writer wrote it.
func (r *Records) Expect(key string, revision uint64) { r.revisions[key] = revision }

// NewPage returns the first page of a new integration of a new account.
func NewPage() topology.PageRef {
	return topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
}
