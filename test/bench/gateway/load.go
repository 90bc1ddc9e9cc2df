package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is a client with little overhead, because it shares the processors with the measured side.
type load struct {
	column
	request     []byte // over HTTP/1.1
	headers     map[string]string
	connections int
	answered    int // length of every response in bytes
	roots       *x509.CertPool
}

// sample is the result of one measurement.
type sample struct {
	requests int
	before   int // requests before the measured ones
	took     time.Duration
	p50, p99 time.Duration
}

func (s sample) perSecond() float64 { return float64(s.requests) / s.took.Seconds() }

// run keeps every connection busy for the given duration.
func (l *load) run(ctx context.Context, addr string, during time.Duration) (sample, error) {
	if l.h2 {
		return l.runHTTP2(ctx, addr, during)
	}
	conns := make([]net.Conn, l.connections)
	for i := range conns {
		conn, err := l.dial(ctx, addr)
		if err != nil {
			return sample{}, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	waits := make([][]time.Duration, len(conns))
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	end := begin.Add(during)
	for i, conn := range conns {
		g.Go(func() (err error) {
			waits[i], err = l.ask(ctx, conn, end)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	return summarise(time.Since(begin), waits)
}

// dial opens a connection for HTTP/1.1, including the TLS handshake, before the measurement starts.
func (l *load) dial(ctx context.Context, addr string) (net.Conn, error) {
	if !l.secure {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	return (&tls.Dialer{Config: l.tls("http/1.1")}).DialContext(ctx, "tcp", addr)
}

func summarise(took time.Duration, waits [][]time.Duration) (sample, error) {
	s := sample{took: took}
	all := slices.Concat(waits...)
	if s.requests = len(all); s.requests == 0 {
		return s, errors.New("not one request was answered in time")
	}
	slices.Sort(all)
	s.p50, s.p99 = all[len(all)/2], all[len(all)*99/100]
	return s, nil
}

// ask sends one request after another over one connection, and returns their response times.
func (l *load) ask(ctx context.Context, conn net.Conn, end time.Time) ([]time.Duration, error) {
	if err := conn.SetDeadline(end.Add(10 * time.Second)); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 8<<10)
	waits := make([]time.Duration, 0, 1<<16)
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if _, err := conn.Write(l.request); err != nil {
			return nil, err
		}
		if err := l.answer(in); err != nil {
			return nil, err
		}
		done := time.Now()
		waits = append(waits, done.Sub(now))
		now = done
	}
	return waits, nil
}

var (
	okLine       = []byte("HTTP/1.1 200 ")
	lengthHeader = []byte("content-length:")
)

// answer reads one response to its end.
func (l *load) answer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	status := string(bytes.TrimSpace(line[:min(len(line), 64)]))
	fine := bytes.HasPrefix(line, okLine)
	length := -1
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(lengthHeader) && bytes.EqualFold(line[:len(lengthHeader)], lengthHeader) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthHeader):]))); err != nil {
				return err
			}
		}
	}
	if !fine || length != l.answered {
		text, _ := io.ReadAll(io.LimitReader(in, int64(min(max(length, 0), 300))))
		return fmt.Errorf("answered with %q and %d bytes, 200 and %d expected: %q", status, length, l.answered, text)
	}
	_, err = in.Discard(length)
	return err
}
