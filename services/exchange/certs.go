package exchange

import (
	"context"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// CertsPath is the path of the public keys (api/README.md 8.2).
const CertsPath = "/cdn-cgi/access/certs"

// Handler serves the public keys without authentication. It can be mounted on any listener.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+CertsPath, s.serveCerts)
	return mux
}

func (s *Service) serveCerts(w http.ResponseWriter, r *http.Request) {
	set, err := s.keys.Current(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The signing keys are temporarily unavailable. Try again in a second.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", certsMaxAge)
	_, _ = w.Write(set.Certs())
}

// certsMaxAge bounds caching by intermediaries. Together with [keys.Trust] it must stay below [keys.Lead], so that a
// verifier that asks for an unknown kid gets it.
const certsMaxAge = "public, max-age=10"

// answerCerts answers requests on access.certs.
func (s *Service) answerCerts(ctx context.Context, m *bus.Msg) proto.Message {
	var q proto.CertsQuery
	if err := m.Decode(&q); err != nil {
		return &proto.CertsAnswer{Error: policy.BadRequest.Refusal()}
	}
	set, err := s.keys.Current(ctx)
	if err != nil {
		s.log.Warn("public keys requested but not confirmed", "err", err)
		return &proto.CertsAnswer{Error: policy.Unavailable.Refusal()}
	}
	return &proto.CertsAnswer{Certs: set.Certs()}
}

func refuseCerts(error) proto.Message {
	return &proto.CertsAnswer{Error: policy.Busy.Refusal()}
}
