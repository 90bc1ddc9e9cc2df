package store

import "plumbline.dev/proto"

// Bounds of the relay and of actions.
const (
	Lease      = lease
	MaxWaiting = maxWaiting
	RelayLook  = relayLook
	RelayRetry = relayRetry
)

// Bounds of scans.
const (
	MaxScans        = maxScans
	MaxAccountScans = maxAccountScans
)

// ScanningAccounts returns the number of accounts whose places are kept.
func (s *Store) ScanningAccounts() int {
	s.scans.mu.Lock()
	defer s.scans.mu.Unlock()
	return len(s.scans.of)
}

// EventID returns the id of the event that announces the action.
func (x *Action) EventID() proto.ID { return x.announced.ID }
