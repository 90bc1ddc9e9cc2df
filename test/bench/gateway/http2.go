package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// streams is the number of concurrent requests sharing an HTTP/2 connection.
const streams = 8

// runHTTP2 is like run, over HTTP/2: several concurrent requests share each connection.
func (l *load) runHTTP2(ctx context.Context, addr string, during time.Duration) (sample, error) {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	waits := make([][]time.Duration, l.connections)
	transports := make([]*http.Transport, (l.connections+streams-1)/streams)
	for i := range transports {
		transports[i] = &http.Transport{Protocols: &protocols, TLSClientConfig: l.tls("h2"), DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			}}
		defer transports[i].CloseIdleConnections()
		if _, err := l.roundTrip(ctx, transports[i]); err != nil { // the handshake is not measured
			return sample{}, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	end := begin.Add(during)
	for i := range waits {
		g.Go(func() error {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				done, err := l.roundTrip(ctx, transports[i%len(transports)])
				if err != nil {
					return err
				}
				waits[i] = append(waits[i], done.Sub(now))
				now = done
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	s, err := summarise(time.Since(begin), waits)
	s.before = len(transports)
	return s, err
}

// roundTrip sends a request, reads the response to its end, and returns the time at the end.
func (l *load) roundTrip(ctx context.Context, t *http.Transport) (time.Time, error) {
	r, err := http.NewRequestWithContext(ctx, l.method, "https://"+host+target,
		strings.NewReader(strings.Repeat("y", l.body)))
	if err != nil {
		return time.Time{}, err
	}
	for name, value := range l.headers {
		r.Header.Set(name, value)
	}
	answer, err := t.RoundTrip(r)
	if err != nil {
		return time.Time{}, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || int(n) != l.answered || answer.ProtoMajor != 2) {
		err = fmt.Errorf("answered with %s %s and %d bytes, HTTP/2.0 200 OK and %d expected", answer.Proto, answer.Status,
			n, l.answered)
	}
	return time.Now(), err
}
