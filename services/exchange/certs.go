package exchange

import (
	"context"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// CertsPath is where verifiers fetch the public keys (contract.md 8.2).
const CertsPath = "/cdn-cgi/access/certs"

// Handler serves the public keys to anybody. It can be mounted on any listener.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+CertsPath, s.serveCerts)
	return mux
}

func (s *Service) serveCerts(w http.ResponseWriter, _ *http.Request) {
	current := s.signing.Load()
	if current == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "There is no signing key yet. Try again in a second.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	// Verifiers ask again for a kid that they do not know; this only bounds what caches between keep.
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(current.certs)
}

// answerCerts answers on access.certs.
func (s *Service) answerCerts(_ context.Context, m *bus.Msg) proto.Message {
	var q proto.CertsQuery
	if err := m.Decode(&q); err != nil {
		return &proto.CertsAnswer{Error: policy.BadRequest.Refusal()}
	}
	current := s.signing.Load()
	if current == nil {
		return &proto.CertsAnswer{Error: policy.Unavailable.Refusal()}
	}
	return &proto.CertsAnswer{Certs: current.certs}
}

func refuseCerts(error) proto.Message {
	return &proto.CertsAnswer{Error: policy.Busy.Refusal()}
}
