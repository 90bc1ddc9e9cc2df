//go:build proxies

package proxies

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// arrival is a request as the origin got it.
type arrival struct {
	method, uri, host string
	header            http.Header
	body              string // its length and hash
}

// origin is an application behind a proxy. It takes WebSockets, and echoes one line on each.
type origin struct {
	addr string
	mu   sync.Mutex
	all  []arrival
}

func newOrigin(t *testing.T) *origin {
	o := new(origin)
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	o.addr = s.Listener.Addr().String()
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	a := arrival{r.Method, r.RequestURI, r.Host, r.Header.Clone(), digest(body)}
	if err != nil {
		a.body = err.Error()
	}
	o.mu.Lock()
	o.all = append(o.all, a)
	o.mu.Unlock()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		echo(w)
		return
	}
	w.Header().Set("Set-Cookie", "of-the-origin="+strings.Repeat("x", 5000))
	_, _ = io.WriteString(w, "origin")
}

func echo(w http.ResponseWriter) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if rw.Flush() != nil {
		return
	}
	if line, err := rw.ReadString('\n'); err == nil {
		_, _ = io.WriteString(rw, "echo "+line)
		_ = rw.Flush()
	}
}

// take returns the requests received since the previous call.
func (o *origin) take() []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

func digest(b []byte) string { return fmt.Sprintf("%d %x", len(b), sha256.Sum256(b)) }
