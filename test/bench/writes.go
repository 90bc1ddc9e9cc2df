package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/test/bench/disk"
	"plumbline.dev/test/internal/stack"
)

// written is the report of what plumb up writes to its store during polls. All numbers are for one page of one poll.
type written struct {
	Devices int `json:"devices"`
	Pages   int `json:"pages"`
	Polls   int `json:"polls"`
	// Changed is the number of results that change in a poll.
	Changed float64 `json:"changed_per_poll"`
	// Bytes, Calls and Syncs are the sums of Places.
	Bytes float64 `json:"bytes"`
	Calls float64 `json:"calls"`
	Syncs float64 `json:"syncs"`
	// DiskBytes are the bytes sent to the disk, in whole pages of 4 KiB, by the kernel's count.
	DiskBytes float64 `json:"disk_bytes"`
	// Kept is by how many bytes the files of POSTURE_LOG grew.
	Kept   float64 `json:"kept_bytes"`
	Places []place `json:"places"`
}

// place is a stream and a cause. Copy is set for followers' copies of streams.
type place struct {
	Stream string     `json:"stream"`
	Copy   bool       `json:"copy,omitempty"`
	Cause  disk.Cause `json:"cause"`
	Bytes  float64    `json:"bytes"`
	Calls  float64    `json:"calls"`
	Syncs  float64    `json:"syncs"`
}

// atRest is the time for copies of streams and compressed blocks, which are written after the last entry.
const atRest = 3 * time.Second

// listWrites measures what polls write to the disk.
func listWrites(ctx context.Context, args []string) error {
	var c config
	flags := flag.NewFlagSet("bench writes", flag.ExitOnError)
	flags.IntVar(&c.devices, "devices", 100_000, "devices to enrol and poll")
	flags.IntVar(&c.concurrency, "concurrency", 8, "concurrent calls to the scoring API")
	flags.IntVar(&c.rounds, "polls", 5, "polls to measure; the means are reported")
	flags.DurationVar(&c.latency, "api-latency", 20*time.Millisecond,
		"response time of the scoring API, excluding reading and writing JSON")
	flags.BoolVar(&c.json, "json", false, "print only one line of JSON")
	flags.StringVar(&c.plumb, "plumb", "", "path of another plumb binary to measure (default: this repository's)")
	strace := flags.String("strace", "strace", "path of strace, which records the calls")
	within := flags.Duration("timeout", 30*time.Minute, "give up after")
	_ = flags.Parse(args) // exits by itself
	if c.devices < 1 || c.concurrency < 1 || c.rounds < 1 || flags.NArg() > 0 {
		return errors.New("the numbers must be positive; see --help")
	}
	path, err := exec.LookPath(*strace)
	if err != nil {
		return fmt.Errorf("this needs Linux and strace: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *within, errTime)
	defer cancel()
	r, err := measureWrites(ctx, c, path)
	if err == nil && c.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.print(os.Stdout)
	}
	return err
}

func measureWrites(ctx context.Context, c config, strace string) (*written, error) {
	dir, err := os.MkdirTemp("", "plumbline-writes-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if c.plumb == "" {
		progress(c, "building plumb")
		if c.plumb, err = stack.Build("plumb"); err != nil {
			return nil, err
		}
	}
	record, traced := filepath.Join(dir, "record"), filepath.Join(dir, "traced")
	//nolint:gosec // the program must be executable
	if err := os.WriteFile(traced, []byte(disk.Tracer(strace, record, c.plumb)), 0o700); err != nil {
		return nil, err
	}
	c.plumb, c.keep = traced, dir
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
	if err := errors.Join(p.first(ctx), api.latency(ctx, c.latency), p.rest(ctx)); err != nil {
		return nil, err
	}
	r := &written{Devices: c.devices, Pages: p.pages, Polls: c.rounds}
	store := filepath.Join(dir, "data", "nats", "store")
	begin, before, kept, err := p.writesSoFar(store)
	if err != nil {
		return nil, err
	}
	for n := range c.rounds {
		done, err := p.poll(ctx)
		if err != nil {
			return nil, err
		}
		progress(c, "poll %d: %.3f s", n+1, done.took.Seconds())
		r.Changed += float64(done.changed) / float64(c.rounds)
	}
	if err := p.rest(ctx); err != nil {
		return nil, err
	}
	end, after, keptNow, err := p.writesSoFar(store)
	if err != nil {
		return nil, err
	}
	per := 1 / float64(c.rounds*p.pages)
	r.DiskBytes, r.Kept = float64(after.Disk-before.Disk)*per, float64(keptNow-kept)*per
	f, err := os.Open(record)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return r, r.add(f, store, begin, end, per)
}

// rest waits until polls are evaluated and copied.
func (p *pipeline) rest(ctx context.Context) error {
	if err := awaitDrained(ctx, p.operator); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(atRest):
		return nil
	}
}

// writesSoFar returns the time, the kernel's counts, and the bytes of the log's files.
func (p *pipeline) writesSoFar(store string) (now time.Time, t disk.Totals, kept int64, err error) {
	logs, err := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", topology.PostureBatches))
	if err != nil || len(logs) != 1 {
		return now, t, 0, fmt.Errorf("%d streams %s in %s: %w", len(logs), topology.PostureBatches, store, err)
	}
	blocks, err := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", topology.PostureLog, "msgs", "*.blk"))
	if err != nil {
		return now, t, 0, err
	}
	for _, name := range blocks {
		if isCopy(store, name) {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return now, t, 0, err
		}
		kept += info.Size()
	}
	t, err = disk.ReadTotals(p.plumb.Process().PID())
	return time.Now(), t, kept, err
}

// isCopy reports whether a file is of the zone of followers' copies, which has the log and no ticks.
func isCopy(store, path string) bool {
	zone, _, _, _ := disk.Place(store, path)
	_, err := os.Stat(filepath.Join(store, "jetstream", zone, "streams", topology.PostureTicks))
	_, queue := os.Stat(filepath.Join(store, "jetstream", zone, "streams", topology.PostureBatches))
	return err != nil && queue != nil
}

// add adds the writes of a record between two times. per is the part of a page of a poll.
func (r *written) add(record io.Reader, store string, begin, end time.Time, per float64) error {
	sums := map[place]*place{}
	err := disk.Read(record, func(w disk.Write) {
		_, stream, cause, ok := disk.Place(store, w.Path)
		if !ok || w.At.Before(begin) || w.At.After(end) {
			return
		}
		key := place{Stream: stream, Cause: cause, Copy: isCopy(store, w.Path)}
		sum := sums[key]
		if sum == nil {
			sum = &place{Stream: stream, Cause: cause, Copy: key.Copy}
			sums[key] = sum
		}
		if w.Sync {
			sum.Syncs += per
		} else {
			sum.Bytes, sum.Calls = sum.Bytes+float64(w.Bytes)*per, sum.Calls+per
		}
	})
	for _, sum := range sums {
		r.Places = append(r.Places, *sum)
		r.Bytes, r.Calls, r.Syncs = r.Bytes+sum.Bytes, r.Calls+sum.Calls, r.Syncs+sum.Syncs
	}
	slices.SortFunc(r.Places, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Cause, b.Cause))
	})
	return err
}

func (r *written) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d devices in %d pages, %d polls, %.0f changes in a poll; for a page of a poll:\n\n",
		r.Devices, r.Pages, r.Polls, r.Changed)
	fmt.Fprintf(w, "  %-28s %-14s %9s %8s %8s\n", "stream", "cause", "bytes", "calls", "syncs")
	for _, p := range r.Places {
		name := p.Stream
		if p.Copy {
			name += " (copy)"
		}
		fmt.Fprintf(w, "  %-28s %-14s %9.0f %8.2f %8.2f\n", name, p.Cause, p.Bytes, p.Calls, p.Syncs)
	}
	fmt.Fprintf(w, "  %-43s %9.0f %8.2f %8.2f\n\n", "all", r.Bytes, r.Calls, r.Syncs)
	fmt.Fprintf(w, "%.0f bytes went to the disk in whole blocks; POSTURE_LOG grew by %.0f\n", r.DiskBytes, r.Kept)
}
