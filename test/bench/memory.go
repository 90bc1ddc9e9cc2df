package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
)

// held is the memory used by a fetcher's process during a poll of this number of devices.
type held struct {
	Devices   int     `json:"devices"`
	PeakRSSMB float64 `json:"fetcher_peak_rss_mb"`
	PollS     float64 `json:"poll_s"`
}

// fetcherMemory polls growing fleets, each with a newly started fetcher, and reports the peak memory of each fetcher.
func fetcherMemory(ctx context.Context, c config, text string) error {
	sizes, err := parseSizes(text)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "plumbline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	api, err := startAPI()
	if err != nil {
		return err
	}
	defer api.process.Kill()
	progress(c, "starting a NATS server and the services")
	s, err := stack.LaunchSeparate(ctx, dir, 1, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	control, err := s.Control()
	if err != nil {
		return err
	}
	integration, err := configure(ctx, c, control, api, s.Certs(), s.Issuer())
	if err != nil {
		return err
	}
	enrolled := 0
	for _, size := range sizes {
		progress(c, "enrolling up to %d devices", size)
		from := enrolled
		if _, err := control.Import(ctx, func(yield func(proto.Device) bool) {
			for n := from; n < size && yield(stack.FleetDevice(n)); n++ {
			}
		}); err != nil {
			return err
		}
		enrolled = size
		h, err := pollWithFreshFetcher(ctx, s, control, integration)
		if err != nil {
			return err
		}
		h.Devices = size
		if c.json {
			if err := json.NewEncoder(os.Stdout).Encode(h); err != nil {
				return err
			}
			continue
		}
		fmt.Printf("%9d devices: a fetcher held at most %.0f MB; the poll took %.1f s\n", h.Devices, h.PeakRSSMB, h.PollS)
	}
	return nil
}

func pollWithFreshFetcher(ctx context.Context, s *stack.Separate, control *stack.Control, integration proto.ID) (held,
	error) {
	operator, err := s.Connect(ctx, topology.Operator, slog.New(slog.DiscardHandler))
	if err != nil {
		return held{}, err
	}
	defer operator.Close()
	fetcher := s.Part("fetcher")
	if _, err := fetcher.Process().Terminate(30 * time.Second); err != nil {
		return held{}, err
	}
	if err := s.Run(fetcher); err != nil {
		return held{}, err
	}
	if err := s.AwaitReady(); err != nil {
		return held{}, err
	}
	drained := func() error { return awaitDrained(ctx, operator) }
	if err := drained(); err != nil { // evaluations caused by the enrolment
		return held{}, err
	}
	begin := time.Now()
	if err := control.PollNow(ctx, integration); err != nil {
		return held{}, err
	}
	if err := drained(); err != nil {
		return held{}, err
	}
	took := time.Since(begin)
	rss, err := fetcher.Process().PeakRSS()
	return held{PeakRSSMB: float64(rss) / 1e6, PollS: took.Seconds()}, err
}

func awaitDrained(ctx context.Context, operator *bus.Conn) error {
	for {
		b, err := ledger.ReadBacklog(ctx, operator)
		if err != nil || b.Empty() {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("work is left: %+v: %w", b, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
