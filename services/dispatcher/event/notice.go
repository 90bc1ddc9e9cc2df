package event

import (
	"fmt"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/jsontime"
)

// Hold is the data of [CheckHeld] and [CheckReleased].
type Hold struct {
	Account     proto.Account      `json:"account_id"`
	ID          proto.ID           `json:"id"`
	Check       proto.ID           `json:"check_id"`
	Integration proto.ID           `json:"integration_id"`
	State       proto.HoldState    `json:"state"`
	Directions  []string           `json:"directions"`
	Tick        uint64             `json:"tick"`
	Since       jsontime.Timestamp `json:"since"`
	UpdatedAt   jsontime.Timestamp `json:"updated_at"`
	Pages       int                `json:"pages"`
	Devices     int                `json:"devices"`
	By          string             `json:"by"`
	Reason      string             `json:"reason"`
	DecidedAt   jsontime.Timestamp `json:"decided_at"`
}

// OfHold returns the event about a changed hold. seq is the position of the notice, and at its time in the log.
func OfHold(a proto.Account, n *proto.HoldNotice, seq uint64, at time.Time) (Event, error) {
	e := Event{ID: id(a, fmt.Sprintf("hold %s %d %d", n.ID, seq, n.UpdatedAt)), Type: CheckHeld, At: at.UTC()}
	if n.State.Over() {
		e.Type = CheckReleased
	}
	directions := n.Directions
	if directions == nil {
		directions = []string{}
	}
	return e.with(Hold{Account: a, ID: n.ID, Check: n.Check, Integration: n.Integration, State: n.State,
		Directions: directions, Tick: n.Tick, Since: jsontime.Timestamp(n.Since),
		UpdatedAt: jsontime.Timestamp(n.UpdatedAt), Pages: n.Pages, Devices: n.Devices,
		By: n.By, Reason: n.Reason, DecidedAt: jsontime.Timestamp(n.DecidedAt)})
}

// ServiceToken is the data of [ServiceTokenExpiring] and [ServiceTokenExpired].
type ServiceToken struct {
	Account   proto.Account    `json:"account_id"`
	ID        proto.ID         `json:"token_id"`
	ClientID  string           `json:"client_id"`
	Name      string           `json:"name"`
	State     proto.TokenState `json:"state"`
	ExpiresAt *time.Time       `json:"expires_at"` // null if it does not expire
}

// OfToken returns the event about a service token. seq is the position of the notice.
func OfToken(a proto.Account, n *proto.TokenNotice, seq uint64) (Event, error) {
	e := Event{ID: id(a, fmt.Sprintf("token %s %d %d", n.Token, seq, n.At)), Type: ServiceTokenExpired,
		At: n.At.Time().UTC()}
	if n.State == proto.TokenExpiring {
		e.Type = ServiceTokenExpiring
	}
	data := ServiceToken{Account: a, ID: n.Token, ClientID: n.ClientID, Name: n.Name, State: n.State}
	if n.ExpiresAt != 0 {
		at := n.ExpiresAt.Time().UTC()
		data.ExpiresAt = &at
	}
	return e.with(data)
}
