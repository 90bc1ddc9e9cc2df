// Package servererr classifies the errors of the NATS server by their codes.
package servererr

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Error codes of the server (nats-server errors.json).
const (
	WrongLastSequence         = 10071
	WrongLastSequenceConstant = 10164 // the same, from a replicated stream
	StoreFailed               = 10077 // the stream's bounds, by subject or in all, or its disk
	BatchIncomplete           = 10176
	BatchesOpen               = 10210
	NoMessage                 = 10037
	InsufficientStorage       = 10047
	InsufficientResources     = 10023
	AccountResources          = 10002
	NoPeers                   = 10005 // from a cluster, when placing a stream or consumer
	NotAvailable              = 10008 // JetStream has no leader
	NotEnabled                = 10039 // also from a server of a cluster that has not set up the account yet
)

// IsNotReady reports whether a code means that JetStream cannot answer yet, whatever the request.
func IsNotReady(code jetstream.ErrorCode) bool { return code == NotAvailable || code == NotEnabled }

// IsUnsettled reports whether err may come from a starting server, or from a cluster whose servers have not found each
// other yet, so the same request may succeed later.
func IsUnsettled(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == NoPeers || IsNotReady(api.ErrorCode)
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders)
}

// IsFull reports whether err states that JetStream, the account, the stream or the disk has no space.
func IsFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case InsufficientResources, InsufficientStorage, AccountResources:
		return true
	case StoreFailed:
		return !strings.Contains(api.Description, "maximum messages")
	}
	return false
}

// IsOccupied reports whether err states that a subject limited to one message still holds one.
func IsOccupied(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == StoreFailed && !IsFull(err)
}
