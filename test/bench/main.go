// Command bench measures the pipeline against a bare loop that makes the same calls:
//
//	go run ./test/bench --devices 100000 --json
//
// It builds plumb, starts it on free loopback ports and in a temporary directory, enrols the devices over
// HTTP and has them polled. The scoring API is a process of its own, the same for both sides. Each round
// measures the loop, then the pipeline; the medians are reported.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type config struct {
	devices     int
	concurrency int
	rounds      int
	latency     time.Duration
	json        bool
	keep        string
	plumb       string
	within      time.Duration
}

func main() {
	if addr := os.Getenv(serveAPI); addr != "" {
		fatal(serve(addr))
		return
	}
	var c config
	flag.IntVar(&c.devices, "devices", 100_000, "devices to enrol and poll")
	flag.IntVar(&c.concurrency, "concurrency", 8, "calls to the scoring API under way at once, on both sides")
	flag.IntVar(&c.rounds, "rounds", 5, "rounds; the medians are reported")
	// A scoring API looks a thousand devices up before it answers: one that does so in 20 ms is a fast one.
	flag.DurationVar(&c.latency, "api-latency", 20*time.Millisecond, "how long the scoring API takes, on top of reading and writing JSON")
	flag.BoolVar(&c.json, "json", false, "print one line of JSON and nothing else")
	flag.StringVar(&c.keep, "data", "", "directory for the data, which is kept; none: a temporary one")
	flag.StringVar(&c.plumb, "plumb", "", "another build of plumb to measure; none: this repository's")
	flag.DurationVar(&c.within, "timeout", 15*time.Minute, "give up after")
	memory := flag.String("fetcher-memory", "", "instead: the most memory that a fetcher's own process holds at these numbers of devices, as in 10000,100000,1000000")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, c.within, errors.New("the time is over (--timeout)"))
	defer cancel()
	if *memory != "" {
		fatal(fetcherMemory(ctx, c, *memory))
		return
	}
	r, err := measure(ctx, c)
	if err == nil && c.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.print(os.Stdout)
	}
	fatal(err)
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseSizes(text string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(part), "_", ""))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of devices", part)
		}
		if len(sizes) > 0 && n < sizes[len(sizes)-1] {
			return nil, errors.New("give the numbers of devices in rising order")
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// progress tells a person what goes on; standard output is for the result.
func progress(c config, format string, args ...any) {
	if !c.json {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
