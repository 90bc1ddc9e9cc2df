package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/test/internal/stack"
)

// partVariable is the environment variable with the part to run in this process, and its arguments.
const partVariable = "PLUMBLINE_BENCH_PART"

// Serve runs the part requested by the environment, if any.
func Serve() (asked bool, err error) {
	part := strings.Fields(os.Getenv(partVariable))
	switch {
	case len(part) == 0:
		return false, nil
	case part[0] == "origin" && len(part) == 3:
		size, err := strconv.Atoi(part[2])
		if err != nil {
			return true, err
		}
		return true, serve(part[1], new(origin).handler(size))
	case part[0] == "proxy" && len(part) == 3:
		return true, serve(part[1], bareProxy(part[2]))
	case part[0] == "proxy" && len(part) == 5:
		return true, (&http.Server{Addr: part[1], Handler: bareProxy(part[2]),
			ReadHeaderTimeout: 5 * time.Second}).ListenAndServeTLS(part[3], part[4])
	}
	return true, fmt.Errorf("there is no part %q", part)
}

func serve(addr string, h http.Handler) error {
	return (&http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
}

// origin is the origin of every proxy.
type origin struct{ arrived, admitted, leaked atomic.Int64 }

// arrivals counts the requests received by the origin.
type arrivals struct {
	Arrived  int64 // requests
	Admitted int64 // requests with an application token
	Leaked   int64 // requests with a credential
}

func (o *origin) handler(size int) http.Handler {
	body := []byte(strings.Repeat("x", size))
	length := strconv.Itoa(size)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /arrivals", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(arrivals{o.arrived.Load(), o.admitted.Load(), o.leaked.Load()})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		o.arrived.Add(1)
		if r.Header.Get("Cf-Access-Jwt-Assertion") != "" {
			o.admitted.Add(1)
		}
		if r.Header.Get("Cf-Access-Client-Secret") != "" {
			o.leaked.Add(1)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
	return mux
}

// bareProxy returns the standard library's proxy with the gateway's tuning: enough idle connections to the origin,
// reused buffers, and buffers of the same size for each connection.
func bareProxy(origin string) http.Handler {
	to := &url.URL{Scheme: "http", Host: origin}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute,
			DisableCompression: true, ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10},
		BufferPool: new(buffers),
		ErrorLog:   log.New(io.Discard, "", 0),
	}
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if kept, ok := b.pool.Get().(*[]byte); ok {
		return *kept
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }

// gogc gives every process the garbage collector setting of the gateway, so none has an advantage from using more
// memory.
const gogc = "GOGC=400"

// launch starts another process of this program to run a part.
func launch(ctx context.Context, name string, args ...string) (*stack.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	addr, err := stack.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	part := strings.Join(append([]string{name, addr}, args...), " ")
	p, err := stack.Launch(stack.Command{Name: name, Path: self, Env: []string{partVariable + "=" + part, gogc}})
	if err != nil {
		return nil, "", err
	}
	return p, addr, listening(ctx, p, addr)
}

// listening waits until the process accepts connections.
func listening(ctx context.Context, p *stack.Process, addr string) error {
	return stack.AskUntil(15*time.Second, func() error {
		if !p.Running() {
			return fmt.Errorf("it ended with code %d:\n%s", p.ExitCode(), p.Log())
		}
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

func readArrivals(ctx context.Context, addr string) (a arrivals, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/arrivals", nil)
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	return a, json.NewDecoder(resp.Body).Decode(&a)
}
