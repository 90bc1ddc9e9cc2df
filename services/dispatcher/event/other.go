package event

import (
	"encoding/json"
	"fmt"
	"time"

	"plumbline.dev/proto"
)

// Reset is the data of [ResultsReset].
type Reset struct {
	Account proto.Account `json:"account_id"`
	// Position is that after which the changes were missed, and Resumed that from which they follow again.
	Position string `json:"position"`
	Resumed  string `json:"resumed"`
	Link     string `json:"link,omitempty"`
}

// OfReset returns the event about changes that were missed after a position.
func OfReset(a proto.Account, position, resumed string, at time.Time, link string) (Event, error) {
	e := Event{ID: id(a, "reset "+position+" "+resumed), Type: ResultsReset, At: at.UTC()}
	return e.with(Reset{Account: a, Position: position, Resumed: resumed, Link: link})
}

// Ping is the data of [TestPing].
type Ping struct {
	Account     proto.Account `json:"account_id"`
	Destination proto.ID      `json:"destination_id"`
	Name        string        `json:"name"`
	By          string        `json:"by"`
}

// OfPing returns an event that tests a destination. nonce distinguishes one test from another.
func OfPing(p Ping, nonce proto.ID, at time.Time) (Event, error) {
	e := Event{ID: id(p.Account, "ping "+nonce.String()), Type: TestPing, At: at.UTC()}
	return e.with(p)
}

func (e Event) with(data any) (Event, error) {
	body, err := json.Marshal(envelope{e.Type, e.At, data})
	if err == nil && len(body) > MaxBody {
		err = fmt.Errorf("%d bytes, at most %d allowed", len(body), MaxBody)
	}
	if err != nil {
		return e, fmt.Errorf("event %s: %w", e.Type, err)
	}
	e.Body = body
	return e, nil
}
