package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/demo"
	"plumbline.dev/services/sample"
)

const (
	firstPollWithin = 2 * time.Minute
	stopWithin      = 5 * time.Second
)

// run is the demo while it runs.
type run struct {
	t     *testing.T
	lines chan string
	ready chan plumb.Installation
	stop  func()
}

func start(t *testing.T, cfg plumb.Config, sampleAddr string) *run {
	t.Helper()
	deps := plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System}
	demo.Guard(&cfg.Gateway)
	s, err := plumb.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, lines: make(chan string, 1000), ready: make(chan plumb.Installation, 1)}
	in, out := io.Pipe()
	demo.Add(s, demo.Config{SampleAddr: sampleAddr, Interval: "4s", Ready: func(i plumb.Installation) {
		r.ready <- i
	}}, deps, out, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := s.Run(ctx)
		done <- err
		_ = out.CloseWithError(errors.Join(err, io.EOF))
	}()
	go func() {
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			r.lines <- lines.Text()
		}
		if err := lines.Err(); err != nil {
			r.lines <- "ended with: " + err.Error()
		}
		close(r.lines)
	}()
	r.stop = func() {
		t.Helper()
		cancel()
		var err error
		if took := machine.Took(func() { err = <-done }); err != nil || took > stopWithin {
			t.Errorf("ended with %v, %v after its context", err, took)
		}
	}
	return r
}

// until returns the next matching line.
func (r *run) until(pattern string) []string {
	r.t.Helper()
	want, late := regexp.MustCompile(pattern), time.After(firstPollWithin)
	var seen []string
	for {
		select {
		case line, more := <-r.lines:
			seen = append(seen, line)
			if m := want.FindStringSubmatch(line); m != nil {
				return m
			}
			if !more {
				r.t.Fatalf("it ended without %s:\n%s", pattern, strings.Join(seen, "\n"))
			}
		case <-late:
			r.t.Fatalf("no %s within %v:\n%s", pattern, firstPollWithin, strings.Join(seen, "\n"))
		}
	}
}

const complete = `poll (\d+): 3 pages, 2,500 devices: ([\d,]+) pass, ([\d,]+) fail, ` +
	`([\d,]+) unknown, ([\d,]+) changed, in `

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The demo shows a complete poll of every device soon after its start, ends in time, and goes on where it
// was: with the same devices, and later polls.
func TestTheDemo(t *testing.T) {
	cfg := plumb.Config{Data: t.TempDir(), APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		NATSAddr: bustest.FreeAddr(t), AdminAddr: bustest.FreeAddr(t), MinInterval: time.Second, LogMaxBytes: 1 << 30}
	first := start(t, cfg, bustest.FreeAddr(t))
	i := <-first.ready
	first.until(`^2,500 devices are enrolled$`)
	m := first.until(complete)
	if pass, fail, unknown := number(t, m[2]), number(t, m[3]),
		number(t, m[4]); pass+fail+unknown != 2*sample.DeviceCount || pass < 2500 || fail < 100 || unknown < 2 {
		t.Errorf("results of the first poll: %v", m[1:])
	}
	first.until(`^  200 admitted +its device \S+ has a score of \d+$`)
	first.until(`^  403 refused: posture_failed +its device \S+ has a score of \d+$`)
	later := first.until(complete)
	if number(t, later[1]) <= number(t, m[1]) {
		t.Errorf("poll %s follows poll %s", later[1], m[1])
	}
	before := device(t, i)
	first.stop()

	second := start(t, cfg, bustest.FreeAddr(t))
	i = <-second.ready
	second.until(`^using the demo data of an earlier run$`)
	second.until(`^  403 refused: posture_failed`)
	for {
		again := second.until(complete)
		if number(t, again[1]) > number(t, later[1])+1 {
			break
		}
	}
	if after := device(t, i); after != before {
		t.Errorf("a device was enrolled again:\n%s\n%s", before, after)
	}
	second.stop()
}

// device is the first device of the sample's list as the control plane has it.
func device(t *testing.T, i plumb.Installation) string {
	t.Helper()
	c, err := client.New(client.Config{URL: i.APIURL, Token: i.Token, Account: i.Account})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := bufio.NewScanner(sample.Devices())
	lines.Scan()
	lines.Scan()
	id, _, _ := strings.Cut(lines.Text(), ",")
	raw, err := c.Device(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
