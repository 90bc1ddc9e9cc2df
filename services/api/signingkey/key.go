package signingkey

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// keyRoutes returns the routes of the signing keys. The exchange has one set of keys for all accounts, and the api
// sends it commands. Every account may read their status; only the account that the installation was started with may
// change them.
func (s *API) keyRoutes() []v4.Route {
	const keys = v4.AccountPath + "/access/keys"
	return []v4.Route{
		{Method: http.MethodGet, Path: keys, Scope: permission.Organization, Handle: s.getKeys},
		{Method: http.MethodPut, Path: keys, Scope: permission.Organization, Handle: s.updateKeys},
		{Method: http.MethodPost, Path: keys + "/rotate", Scope: permission.Organization, Handle: s.rotateKeys},
	}
}

// keysView is the status of the signing keys in a response (api/README.md 8.1).
type keysView struct {
	Days     int          `json:"days_until_next_rotation"`
	Interval int          `json:"key_rotation_interval_days"`
	Last     v4.Timestamp `json:"last_key_rotation_at"`
}

// Bounds of the rotation interval, in days (api/README.md 8.1).
const (
	minRotation = 21
	maxRotation = 365
)

// kindKeys is the kind of the signing keys in the audit log.
const kindKeys = "keys"

// keysTimeout bounds the exchange's answer; generating a key takes it a second.
const keysTimeout = 10 * time.Second

func (s *API) getKeys(ctx context.Context, c *v4.Call) (v4.Response, error) {
	return s.commandKeys(ctx, c, &proto.KeysCommand{})
}

func (s *API) updateKeys(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	days, given, err := body.Int("key_rotation_interval_days", minRotation, maxRotation)
	if err != nil || !given {
		return v4.Response{}, v4.Invalid("key_rotation_interval_days must be a whole number from %d to %d", minRotation,
			maxRotation)
	}
	return s.commandKeys(ctx, c, &proto.KeysCommand{IntervalDays: days})
}

func (s *API) rotateKeys(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if len(bytes.TrimSpace(c.Payload)) > 0 {
		if _, err := c.Object(); err != nil {
			return v4.Response{}, err
		}
	}
	return s.commandKeys(ctx, c, &proto.KeysCommand{Rotate: true})
}

// commandKeys sends a command to the exchange. The status is both the result and a member beside it, because clients
// differ.
func (s *API) commandKeys(ctx context.Context, c *v4.Call, command *proto.KeysCommand) (v4.Response, error) {
	var told store.Change
	switch {
	case command.Rotate:
		told = store.Change{Action: "rotate", Kind: kindKeys}
	case command.IntervalDays != 0:
		told = store.Change{Action: store.ActionUpdate, Kind: kindKeys}
	default:
		view, err := s.askExchange(ctx, command)
		return v4.Response{Result: view, Beside: view}, err
	}
	if !s.account.IsZero() && c.Account != s.account {
		return v4.Response{}, v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: all accounts share the signing keys, and only a token of the account "+
				"%s may change them", s.account)
	}
	action, err := s.store.BeginAction(ctx, c.Account, told)
	if err != nil {
		return v4.Response{}, err
	}
	view, err := s.askExchange(ctx, command)
	if err != nil {
		if errors.Is(err, bus.ErrNoResponders) {
			action.End(ctx) // no exchange received the command
		} else {
			action.Settle(ctx, v4.Rejected(err))
		}
		return v4.Response{}, err
	}
	told.After = view
	action.End(ctx, told)
	return v4.Response{Result: view, Beside: view}, nil
}

// askExchange sends a command to the exchange and returns the status of the keys afterwards.
func (s *API) askExchange(ctx context.Context, command *proto.KeysCommand) (keysView, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	var reply proto.KeysAnswer
	err := s.store.Conn.Request(ctx, topology.KeysCommands, command, &reply)
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		p := v4.Errorf(http.StatusServiceUnavailable, v4.CodeUnavailable,
			"the signing keys are not available because no exchange is running: start one, then try again")
		p.Cause = err
		return keysView{}, p
	case err != nil:
		return keysView{}, v4.Unavailable(err, "the exchange did not answer: try again")
	case reply.Error != nil:
		return keysView{}, v4.Unavailable(reply.Error, "%s", reply.Error.Message)
	}
	left := time.Duration(reply.NextRotation-proto.At(s.store.Clock.Now())) * time.Millisecond
	return keysView{
		Days: max(0, int(math.Ceil(left.Hours()/24))), Interval: reply.IntervalDays, Last: v4.Timestamp(reply.LastRotation),
	}, nil
}
