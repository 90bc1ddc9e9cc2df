// Command bench measures the pipeline against a bare loop that makes the same calls:
//
//	go run ./test/bench --devices 100000 --json
//
// It builds plumb, starts it on free loopback ports and in a temporary directory, enrols the devices over
// HTTP and has them polled. The scoring API is a process of its own, the same for both sides. Each round
// measures the loop, then the pipeline; the medians are reported.
//
//	go run ./test/bench gateway --json
//
// measures the gateway against a bare reverse proxy; see package gateway.
//
//	go run ./test/bench writes --json
//
// measures what polls write to the disk, for each stream, by strace; see package disk.
//
//	go run ./test/bench api --json
//
// measures the control plane of a large account; see package control.
//
//	go run ./test/bench console --json
//
// measures what open consoles with live pages add to a poll.
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

	"plumbline.dev/test/bench/control"
	"plumbline.dev/test/bench/gateway"
)

type config struct {
	devices     int
	consoles    int
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
	if asked, err := gateway.Serve(); asked {
		fatal(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "gateway" {
		fatal(compare(ctx, os.Args[2:]))
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "console" {
		fatal(watchPolls(ctx, os.Args[2:]))
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "writes" {
		fatal(listWrites(ctx, os.Args[2:]))
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "api" {
		fatal(ask(ctx, os.Args[2:]))
		return
	}
	fatal(poll(ctx))
}

// poll measures the pipeline.
func poll(ctx context.Context) error {
	var c config
	flag.IntVar(&c.devices, "devices", 100_000, "devices to enrol and poll")
	flag.IntVar(&c.concurrency, "concurrency", 8, "concurrent calls to the scoring API, on both sides")
	flag.IntVar(&c.rounds, "rounds", 5, "rounds; the medians are reported")
	// A scoring API has to look up a thousand devices before it answers: 20 ms is fast.
	flag.DurationVar(&c.latency, "api-latency", 20*time.Millisecond,
		"response time of the scoring API, excluding reading and writing JSON")
	flag.BoolVar(&c.json, "json", false, "print only one line of JSON")
	flag.StringVar(&c.keep, "data", "", "data directory, kept afterwards (default: a temporary one)")
	flag.StringVar(&c.plumb, "plumb", "", "path of another plumb binary to measure (default: this repository's)")
	flag.DurationVar(&c.within, "timeout", 15*time.Minute, "give up after")
	memory := flag.String("fetcher-memory", "", "measure only the peak memory of a fetcher's process,\n"+
		"for these numbers of devices, such as 10000,100000,1000000")
	flag.Parse()

	ctx, cancel := context.WithTimeoutCause(ctx, c.within, errTime)
	defer cancel()
	if *memory != "" {
		return fetcherMemory(ctx, c, *memory)
	}
	r, err := measure(ctx, c)
	if err == nil && c.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.print(os.Stdout)
	}
	return err
}

var errTime = errors.New("the time is over (--timeout)")

// compare measures the gateway.
func compare(ctx context.Context, args []string) error {
	var c gateway.Config
	flags := flag.NewFlagSet("bench gateway", flag.ExitOnError)
	flags.IntVar(&c.Connections, "connections", 32, "connections of the load, with one request at a time each")
	flags.IntVar(&c.Rounds, "rounds", 9, "rounds of measurements of every side; the medians are reported")
	flags.DurationVar(&c.During, "during", 3*time.Second, "duration of each measurement")
	flags.IntVar(&c.Body, "body", 1024, "size of the origin's responses, in bytes")
	flags.StringVar(&c.Caddy, "caddy", "",
		"path of a Caddy binary to measure too: reverse_proxy, alone and with forward_auth to the gateway")
	asJSON := flags.Bool("json", false, "print only one line of JSON")
	within := flags.Duration("timeout", 15*time.Minute, "give up after")
	_ = flags.Parse(args) // exits by itself
	if c.Connections < 1 || c.Rounds < 1 || c.During <= 0 || c.Body < 0 || flags.NArg() > 0 {
		return errors.New("the numbers must be positive; see --help")
	}
	c.Progress = func(format string, args ...any) { progress(config{json: *asJSON}, format, args...) }
	ctx, cancel := context.WithTimeoutCause(ctx, *within, errTime)
	defer cancel()
	r, err := gateway.Measure(ctx, c)
	if err == nil && *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.Print(os.Stdout)
	}
	return err
}

// ask measures the control plane.
func ask(ctx context.Context, args []string) error {
	var c control.Config
	flags := flag.NewFlagSet("bench api", flag.ExitOnError)
	flags.IntVar(&c.Resources, "resources", 10_000, "number of applications, of policies and of service tokens")
	flags.IntVar(&c.Devices, "devices", 1_000_000, "devices to enrol")
	flags.IntVar(&c.Requests, "requests", 1000, "requests of each kind")
	flags.StringVar(&c.Plumb, "plumb", "", "path of another plumb binary to measure (default: this repository's)")
	asJSON := flags.Bool("json", false, "print only one line of JSON")
	within := flags.Duration("timeout", 30*time.Minute, "give up after")
	_ = flags.Parse(args) // exits by itself
	if c.Resources < 1 || c.Devices < 0 || c.Requests < 1 || flags.NArg() > 0 {
		return errors.New("the numbers must be positive; see --help")
	}
	c.Progress = func(format string, args ...any) { progress(config{json: *asJSON}, format, args...) }
	ctx, cancel := context.WithTimeoutCause(ctx, *within, errTime)
	defer cancel()
	r, err := control.Measure(ctx, c)
	if err == nil && *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.Print(os.Stdout)
	}
	return err
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

// progress reports progress on standard error; standard output has only the result.
func progress(c config, format string, args ...any) {
	if !c.json {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
