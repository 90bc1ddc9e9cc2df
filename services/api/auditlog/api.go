// Package auditlog serves the audit log: the v4 API's audit log and its newer version, which are two views of the same
// changes.
package auditlog

import (
	"plumbline.dev/services/api/store"
)

// API serves the audit log. It is safe for concurrent use.
type API struct {
	store   *store.Store
	readers chan struct{} // limits concurrent readers
}

// New returns the API of the audit log.
func New(s *store.Store) *API { return &API{store: s, readers: make(chan struct{}, maxReaders)} }
