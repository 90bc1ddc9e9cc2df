package api

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The signing keys are the exchange's, one set for every account: it is asked, and told. Every account may see how
// they stand; what changes them is for the account that the installation was started with.
func (s *Service) keyRoutes() []route {
	const keys = accountPath + "/access/keys"
	return []route{
		{method: http.MethodGet, path: keys, of: areaOrganization, handle: s.getKeys},
		{method: http.MethodPut, path: keys, of: areaOrganization, handle: s.updateKeys},
		{method: http.MethodPost, path: keys + "/rotate", of: areaOrganization, handle: s.rotateKeys},
	}
}

// keysView is how the signing keys stand (api/README.md 8.1).
type keysView struct {
	Days     int   `json:"days_until_next_rotation"`
	Interval int   `json:"key_rotation_interval_days"`
	Last     stamp `json:"last_key_rotation_at"`
}

// Bounds of the days between rotations (api/README.md 8.1).
const (
	minRotation = 21
	maxRotation = 365
)

// kindKeys is what the audit log calls the signing keys.
const kindKeys = "keys"

// keysTimeout is how long the exchange may take to answer; a new key takes it a second.
const keysTimeout = 10 * time.Second

func (s *Service) getKeys(ctx context.Context, c *call) (answer, error) {
	return s.commandKeys(ctx, c, &proto.KeysCommand{})
}

func (s *Service) updateKeys(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	days, given, err := body.integer("key_rotation_interval_days", minRotation, maxRotation)
	if err != nil || !given {
		return answer{}, invalid("key_rotation_interval_days must be a whole number from %d to %d", minRotation, maxRotation)
	}
	return s.commandKeys(ctx, c, &proto.KeysCommand{IntervalDays: days})
}

func (s *Service) rotateKeys(ctx context.Context, c *call) (answer, error) {
	if len(bytes.TrimSpace(c.body)) > 0 {
		if _, err := c.object(); err != nil {
			return answer{}, err
		}
	}
	return s.commandKeys(ctx, c, &proto.KeysCommand{Rotate: true})
}

// commandKeys has the exchange do it. The answer stands in the result and beside it: clients differ.
func (s *Service) commandKeys(ctx context.Context, c *call, command *proto.KeysCommand) (answer, error) {
	var told change
	switch {
	case command.Rotate:
		told = change{action: "rotate", kind: kindKeys}
	case command.IntervalDays != 0:
		told = change{action: actionUpdate, kind: kindKeys}
	default:
		view, err := s.askExchange(ctx, command)
		return answer{result: view, beside: view}, err
	}
	if !s.cfg.Account.IsZero() && c.account != s.cfg.Account {
		return answer{}, refuse(http.StatusForbidden, codeUnauthorized,
			"Unauthorized to access requested resource: the signing keys are those of every account here, and only a token of the account %s may change them", s.cfg.Account)
	}
	action, err := s.begin(ctx, c.account, told)
	if err != nil {
		return answer{}, err
	}
	view, err := s.askExchange(ctx, command)
	if err != nil {
		if errors.Is(err, nats.ErrNoResponders) {
			action.end(ctx) // nobody was told
		} else {
			action.settle(ctx, err)
		}
		return answer{}, err
	}
	told.after = view
	action.end(ctx, told)
	return answer{result: view, beside: view}, nil
}

// askExchange commands, and tells how the keys stand then.
func (s *Service) askExchange(ctx context.Context, command *proto.KeysCommand) (keysView, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	var reply proto.KeysAnswer
	err := s.conn.Request(ctx, topology.KeysCommands, command, &reply)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		p := refuse(http.StatusServiceUnavailable, codeUnavailable, "the signing keys cannot be asked about, since no exchange is running: start one, then try again")
		p.cause = err
		return keysView{}, p
	case err != nil:
		return keysView{}, unavailable(err, "the exchange does not answer at the moment: try again")
	case reply.Error != nil:
		return keysView{}, unavailable(reply.Error, "%s", reply.Error.Message)
	}
	left := time.Duration(reply.NextRotation-proto.At(s.clock.Now())) * time.Millisecond
	return keysView{
		Days: max(0, int(math.Ceil(left.Hours()/24))), Interval: reply.IntervalDays, Last: stamp(reply.LastRotation),
	}, nil
}
