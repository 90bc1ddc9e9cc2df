package live

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb/client"
)

// The kinds of streams that every console has.
const (
	Status  = "status"  // []client.Status, whenever it differs
	Results = "results" // Change
)

// statusEvery is the time between two looks at the status.
const statusEvery = 3 * time.Second

// PollStatus returns the source of [Status].
func PollStatus(c clock.Clock) Source {
	return func(ctx context.Context, api *client.Client, emit func(any)) error {
		var last []client.Status
		for first := true; ; first = false {
			now, err := api.Status(ctx)
			if err != nil {
				return err
			}
			switch {
			case first:
				emit(Back{})
			case !reflect.DeepEqual(now, last):
				emit(now)
			}
			last = now
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-c.After(statusEvery):
			}
		}
	}
}

// Change is an event of [Results]: devices of a page that have a new outcome for a check.
type Change struct {
	Check       string    `json:"check_id"`
	Outcome     string    `json:"outcome"`
	Integration string    `json:"integration_id"`
	Page        uint32    `json:"page"`
	Tick        uint64    `json:"tick"`
	At          time.Time `json:"at"`
	Devices     []struct {
		ID       string `json:"device_id"`
		From     string `json:"from"`
		Reason   string `json:"reason"`
		Observed string `json:"observed"`
		Score    *int   `json:"score"`
	} `json:"devices"`
}

// FollowResults is the source of [Results], from now on.
func FollowResults(ctx context.Context, api *client.Client, emit func(any)) error {
	for event, err := range api.Follow(ctx, "") {
		if err != nil {
			return err
		}
		if event.Kind == "ready" {
			emit(Back{})
		}
		if event.Kind != "change" {
			continue
		}
		var c Change
		if err := json.Unmarshal(event.Data, &c); err != nil {
			return err
		}
		emit(c)
	}
	return ctx.Err()
}
