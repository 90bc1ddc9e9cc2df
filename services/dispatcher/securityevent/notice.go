package securityevent

import (
	"fmt"
	"time"

	"plumbline.dev/proto"
)

// self is the subject of the events about the stream.
func (s Stream) self() *subject { return &subject{Format: "opaque", ID: s.ID.String()} }

type verified struct {
	State *string `json:"state,omitempty"`
}

type updated struct {
	Status proto.StreamStatus `json:"status"`
	Reason string             `json:"reason,omitempty"`
}

// OfNotice returns the token of a notice.
func (s Stream) OfNotice(n proto.StreamNotice) (Token, error) {
	parts := fmt.Sprintf("notice %d %d", n.Number, n.At)
	if n.Status != "" {
		return s.token(n.At.Time(), parts, "", StreamUpdated, s.self(), updated{n.Status, n.Reason})
	}
	return s.token(n.At.Time(), parts, "", Verification, s.self(), verified{n.State})
}

// OfGap returns the token about changes that were missed between two positions: Shared Signals has no event for it, so
// it is a stream-updated event with the unchanged status and the reason.
func (s Stream) OfGap(position, resumed string, at time.Time) (Token, error) {
	return s.token(at, "gap "+position+" "+resumed, "", StreamUpdated, s.self(), updated{proto.StreamEnabled,
		"Events were lost, because the transmitter no longer has them. Read the state of all devices anew."})
}
