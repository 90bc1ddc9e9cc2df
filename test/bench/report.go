package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"plumbline.dev/test/internal/ledger"
)

// report holds the results. Times are medians over the rounds.
type report struct {
	Devices int `json:"devices"`
	Pages   int `json:"pages"`
	// FloorS is the time of the bare loop, PipelineS the time from the tick to the last entry. Ratio is PipelineS
	// divided by FloorS.
	FloorS    float64 `json:"floor_s"`
	PipelineS float64 `json:"pipeline_s"`
	Ratio     float64 `json:"ratio"`
	// ResultsPerS counts one result for each check of each device.
	ResultsPerS float64 `json:"results_per_s"`
	PeakRSSMB   float64 `json:"peak_rss_mb"` // of plumb up, including the embedded NATS server

	Checks       int     `json:"checks"`
	Concurrency  int     `json:"concurrency"`
	APILatencyMS float64 `json:"api_latency_ms"`
	Rounds       int     `json:"rounds"`
	// FetchS is the time from the tick to the stored scores of the last page. The rest of PipelineS is evaluation.
	FetchS float64 `json:"fetch_s"`
	// The same with an API that answers at once. The remaining time is spent on processing and disk access.
	NoLatencyFloorS    float64 `json:"no_latency_floor_s"`
	NoLatencyPipelineS float64 `json:"no_latency_pipeline_s"`
	NoLatencyRatio     float64 `json:"no_latency_ratio"`
	// CPUPerPageMS is the processor time of plumb up for one page.
	CPUPerPageMS   float64 `json:"cpu_per_page_ms"`
	ChangedPerPoll float64 `json:"changed_per_poll"`
	ImportS        float64 `json:"import_s"`
	DevicesPerS    float64 `json:"import_devices_per_s"`
}

func measure(ctx context.Context, c config) (*report, error) {
	progress(c, "building plumb")
	api, err := startAPI()
	if err != nil {
		return nil, err
	}
	defer api.process.Kill()
	p, err := startPipeline(ctx, c, api)
	if err != nil {
		return nil, err
	}
	defer p.close()
	progress(c, "first poll")
	if err := p.first(ctx); err != nil {
		return nil, err
	}
	inventory, err := ledger.ReadInventory(ctx, p.operator, p.control.Account)
	if err != nil {
		return nil, err
	}
	loop := newFloor(api.url(), c.concurrency, inventory)
	told, err := api.seen(ctx)
	if err != nil {
		return nil, err
	}
	with, err := p.rounds(ctx, c, api, loop, told.Token, c.latency)
	if err != nil {
		return nil, err
	}
	without := with
	if c.latency > 0 {
		if without, err = p.rounds(ctx, c, api, loop, told.Token, 0); err != nil {
			return nil, err
		}
	}
	rss, err := p.plumb.Process().PeakRSS()
	if err != nil {
		return nil, err
	}
	return &report{
		Devices: c.devices, Pages: p.pages, FloorS: round(with.floor), PipelineS: round(with.pipeline),
		Ratio: round(with.pipeline / with.floor), ResultsPerS: math.Round(float64(c.devices*checks) / with.pipeline),
		PeakRSSMB: math.Round(float64(rss) / 1e6),
		Checks:    checks, Concurrency: c.concurrency, APILatencyMS: float64(c.latency) / 1e6, Rounds: c.rounds,
		FetchS: round(with.fetch), NoLatencyFloorS: round(without.floor), NoLatencyPipelineS: round(without.pipeline),
		NoLatencyRatio: round(without.pipeline / without.floor),
		CPUPerPageMS:   round(without.cpuMS), ChangedPerPoll: math.Round(with.changed),
		ImportS: round(p.importTook.Seconds()), DevicesPerS: math.Round(float64(c.devices) / p.importTook.Seconds()),
	}, nil
}

// medians holds the medians over several rounds, in seconds unless the name states otherwise.
type medians struct{ floor, pipeline, fetch, changed, cpuMS float64 }

// rounds alternates between the loop and the pipeline, so other activity on the machine affects both.
func (p *pipeline) rounds(ctx context.Context, c config, api *apiProcess, loop *floor, token string,
	latency time.Duration) (medians, error) {
	var floors, pipelines, fetches, changes, cpus []float64
	if err := api.latency(ctx, latency); err != nil {
		return medians{}, err
	}
	// The first run is not measured: it fills connections and buffers, on both sides.
	if _, err := loop.run(ctx, token); err != nil {
		return medians{}, err
	}
	for n := range c.rounds {
		took, err := loop.run(ctx, token)
		if err != nil {
			return medians{}, err
		}
		before, err := p.plumb.Process().CPU()
		if err != nil {
			return medians{}, err
		}
		done, err := p.poll(ctx)
		if err != nil {
			return medians{}, err
		}
		after, err := p.plumb.Process().CPU()
		if err != nil {
			return medians{}, err
		}
		progress(c, "latency %v, round %d: the bare loop %.3f s, the pipeline %.3f s", latency, n+1, took.Seconds(),
			done.took.Seconds())
		floors, pipelines = append(floors, took.Seconds()), append(pipelines, done.took.Seconds())
		fetches, changes = append(fetches, done.fetched.Seconds()), append(changes, float64(done.changed))
		cpus = append(cpus, (after-before).Seconds()*1000/float64(p.pages))
	}
	return medians{median(floors), median(pipelines), median(fetches), median(changes), median(cpus)}, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// round rounds to the precision of the measurement.
func round(v float64) float64 { return math.Round(v*10_000) / 10_000 }

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, `
%d devices in %d pages, %d checks, %d calls at once, %g ms of API latency, medians of %d rounds

  bare loop      %8.3f s   encodes, posts, reads, decodes
  pipeline       %8.3f s   from the tick to the last entry of the log; %.3f s to the last scores
  ratio          %8.2f
  results        %8.0f /s  (%d checks for each device)
  changes        %8.0f     in a poll
  memory         %8.0f MB  at most, of plumb up with its NATS server

without API latency: bare loop %.3f s, pipeline %.3f s, ratio %.2f; %.2f ms of processor time for a page
enrolling over HTTP: %.1f s, %.0f devices a second
`, r.Devices, r.Pages, r.Checks, r.Concurrency, r.APILatencyMS, r.Rounds, r.FloorS, r.PipelineS,
		r.FetchS, r.Ratio, r.ResultsPerS, r.Checks, r.ChangedPerPoll, r.PeakRSSMB, r.NoLatencyFloorS, r.NoLatencyPipelineS,
		r.NoLatencyRatio, r.CPUPerPageMS, r.ImportS, r.DevicesPerS)
}
