package forward

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/policy"
)

// Path is where proxies ask over HTTP; the name of the kind of proxy follows.
const Path = "/cdn-cgi/access/forward-auth/"

// Decider decides about requests. A gate is one.
type Decider interface {
	Check(ctx context.Context, r *gate.Request) *gate.Answer
}

// Config says who may ask, and whose word counts.
type Config struct {
	// From are the proxies that may ask; none: nobody may.
	From []netip.Prefix
	// Trusted are proxies before those that ask: the addresses that they put into X-Forwarded-For count.
	Trusted []netip.Prefix
}

// Deps are what answers are made with.
type Deps struct {
	Gate    Decider
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Handler answers nginx, Traefik and Caddy. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	gate    Decider
	log     *quiet
	metrics *metrics
}

// New makes a handler for everything under [Path].
func New(cfg Config, deps Deps) (*Handler, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	return &Handler{cfg: cfg, gate: deps.Gate, log: &quiet{log: deps.Log}, metrics: m}, nil
}

var dialects = map[string]*dialect{
	"nginx":        {name: "nginx", read: readOriginal, answer: answerStatus},
	"nginx/answer": {name: "nginx", read: readOriginal, answer: answerWhole, onlyAnswers: true},
	"traefik":      {name: "traefik", read: readForwarded, answer: answerRefusal},
	"caddy":        {name: "caddy", read: readForwarded, answer: answerRefusal, empties: true},
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		// The proxy may have passed on the length of a body that it keeps to itself. The server would wait for the
		// body before it answers.
		w.Header().Set("Connection", "close")
	}
	name, _ := strings.CutPrefix(r.URL.Path, Path)
	d, known := dialects[name]
	if !known {
		d = dialects["traefik"]
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !Contains(h.cfg.From, from.Addr()):
		h.log.warn("somebody asked about a request who may not (--forward-auth-from)", "from", r.RemoteAddr, "proxy", d.name)
		h.refuse(w, r, d, http.StatusForbidden, policy.UntrustedProxy, "not_allowed")
	case !known:
		h.refuse(w, r, d, http.StatusNotFound, policy.BadRequest, "bad")
	default:
		h.check(w, r, d)
	}
}

// refuse answers without a decision.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, d *dialect, status int, why policy.Reason, result string) {
	h.metrics.answered(d.name, result)
	d.answer(w, refusal(r.Header, status, why))
}

// refusal is an answer without a decision.
func refusal(asked http.Header, status int, why policy.Reason) *gate.Response {
	header, body := page.Refuse(asked, &page.Refusal{Status: status, Reason: why, Ray: newRay(), At: time.Now()})
	return &gate.Response{Status: status, Header: header, Body: body}
}

// newRay names a request about which the gate was not asked.
func newRay() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (h *Handler) check(w http.ResponseWriter, r *http.Request, d *dialect) {
	q, err := h.read(r, d)
	if err != nil {
		h.log.warn("a proxy asked about a request that it does not describe as it should", "proxy", d.name, "from", r.RemoteAddr, "error", err)
		h.refuse(w, r, d, http.StatusBadRequest, policy.BadRequest, "bad")
		return
	}
	a := h.gate.Check(r.Context(), q)
	switch {
	case !a.Admitted():
		h.metrics.answered(d.name, "refused")
		d.answer(w, orRefused(q, a))
	case d.onlyAnswers:
		// It was refused a moment ago, or the proxy would not want the answer.
		again := refusal(r.Header, http.StatusServiceUnavailable, policy.Busy)
		again.Header.Set("Retry-After", "1")
		d.answer(w, again)
	default:
		h.metrics.answered(d.name, "admitted")
		admit(w, q, a, d.empties)
	}
}

// orRefused is the answer's response; an answer that neither admits nor has one refuses.
func orRefused(q *gate.Request, a *gate.Answer) *gate.Response {
	if a.Response != nil {
		return a.Response
	}
	return refusal(q.Header, http.StatusForbidden, policy.Undecided)
}

func (h *Handler) read(r *http.Request, d *dialect) (*gate.Request, error) {
	o, err := d.read(r.Header)
	if err != nil {
		return nil, err
	}
	client, ok := clientOf(r.Header["X-Forwarded-For"], h.cfg.Trusted)
	if !ok {
		return nil, errNoClient
	}
	if name := misspelt(r.Header); name != "" {
		return nil, fmt.Errorf("the header %.64q is read by some servers as one that clients must not set", name)
	}
	q, err := o.request(r.Header, client)
	if err != nil {
		return nil, err
	}
	// Most proxies keep a body, and the headers that announce it, to themselves. What they pass on counts.
	q.Body = r.ContentLength != 0
	return q, nil
}
