package forward

import (
	"context"
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
	"plumbline.dev/services/internal/requestid"
)

// Path is the prefix for requests from proxies over HTTP. The kind of proxy follows.
const Path = "/cdn-cgi/access/forward-auth/"

// Decider decides about requests. A gate implements it.
type Decider interface {
	Check(ctx context.Context, r *gate.Request) *gate.Answer
}

// Config lists the proxies that may ask and the ones that are trusted.
type Config struct {
	// From lists the addresses of proxies that may ask; none by default.
	From []netip.Prefix
	// Trusted lists proxies in front of them with trusted X-Forwarded-For entries.
	Trusted []netip.Prefix
}

// Deps are the dependencies of a handler.
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

// New returns a handler for everything under [Path].
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
		// The proxy may have forwarded the length of a body without the body. The server would wait for it before
		// answering.
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
		h.log.warn("request from an address outside --forward-auth-from", "from", r.RemoteAddr, "proxy", d.name)
		h.refuse(w, r, d, http.StatusForbidden, policy.UntrustedProxy, "not_allowed")
	case !known:
		h.refuse(w, r, d, http.StatusNotFound, policy.BadRequest, "bad")
	default:
		h.check(w, r, d)
	}
}

// refuse answers without a decision.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, d *dialect, status int, why policy.Reason,
	result string) {
	h.metrics.answered(d.name, result)
	d.answer(w, refusal(r.Header, status, why))
}

// refusal returns a response without a decision.
func refusal(asked http.Header, status int, why policy.Reason) *gate.Response {
	header, body := page.Refuse(asked, &page.Refusal{Status: status, Reason: why, Ray: requestid.New(), At: time.Now()})
	return &gate.Response{Status: status, Header: header, Body: body}
}

func (h *Handler) check(w http.ResponseWriter, r *http.Request, d *dialect) {
	q, err := h.read(r, d)
	if err != nil {
		h.log.warn("malformed request from a proxy", "proxy", d.name, "from", r.RemoteAddr, "error", err)
		h.refuse(w, r, d, http.StatusBadRequest, policy.BadRequest, "bad")
		return
	}
	a := h.gate.Check(r.Context(), q)
	switch {
	case !a.Admitted():
		h.metrics.answered(d.name, "refused")
		d.answer(w, orRefused(q, a))
	case d.onlyAnswers:
		// The request was denied a moment ago, or the proxy would not ask.
		again := refusal(r.Header, http.StatusServiceUnavailable, policy.Busy)
		again.Header.Set("Retry-After", "1")
		d.answer(w, again)
	default:
		h.metrics.answered(d.name, "admitted")
		admit(w, q, a, d.empties)
	}
}

// orRefused returns the answer's response, or a refusal if an unadmitted answer has none.
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
		return nil, fmt.Errorf("some servers treat the header %.64q as one that clients must not set", name)
	}
	q, err := o.request(r.Header, client)
	if err != nil {
		return nil, err
	}
	// Most proxies keep the body and the headers that announce it. Trust what they forward.
	q.Body = r.ContentLength != 0
	return q, nil
}
