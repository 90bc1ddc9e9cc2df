package sample

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
)

// request is the body that Plumbline sends. Other members are ignored.
type request struct {
	Devices []struct {
		ID string `json:"device_id"`
	} `json:"devices"`
}

type answer struct {
	Result map[string]score `json:"result"`
}

type score struct {
	S2SID string `json:"s2s_id"`
	Score int    `json:"score"`
}

// serveScores answers POST / with a score for each device of the request.
func (s *Service) serveScores(w http.ResponseWriter, r *http.Request) {
	if why, err := s.verifier.check(r); why != nil {
		s.log.Debug("request rejected", "code", why.code, "err", err)
		s.refuse(w, why)
		return
	}
	q, why := read(http.MaxBytesReader(w, r.Body, MaxBody))
	if why != nil {
		s.refuse(w, why)
		return
	}
	if s.cfg.Latency > 0 {
		select {
		case <-s.clock.After(s.cfg.Latency):
		case <-r.Context().Done():
			return
		}
	}
	now := s.clock.Now()
	a := answer{Result: make(map[string]score, len(q.Devices))}
	for _, d := range q.Devices {
		if known(d.ID, s.cfg.Missing) {
			a.Result[d.ID] = score{S2SID: s2sID(d.ID), Score: Score(d.ID, now)}
		}
	}
	var body bytes.Buffer
	if err := json.MarshalWrite(&body, a); err != nil {
		s.log.Error("failed to write a response", "err", err)
		s.refuse(w, &refusal{http.StatusInternalServerError, "internal", "The answer cannot be written."})
		return
	}
	s.metrics.requests.WithLabelValues("ok").Inc()
	s.metrics.devices.Add(float64(len(q.Devices)))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body.Bytes())
}

func read(r io.Reader) (*request, *refusal) {
	data, err := io.ReadAll(r)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &refusal{http.StatusRequestEntityTooLarge, "too_large",
				fmt.Sprintf("The body must be at most %d bytes.", MaxBody)}
		}
		return nil, &refusal{http.StatusBadRequest, "unreadable", "The body could not be read to its end."}
	}
	q := new(request)
	if err := json.Unmarshal(data, q); err != nil || q.Devices == nil {
		return nil, &refusal{http.StatusBadRequest, "malformed",
			`Send a JSON object of the form {"devices":[{"device_id":"..."}]}.`}
	}
	if len(q.Devices) > MaxDevices {
		return nil, &refusal{http.StatusBadRequest, "too_many",
			fmt.Sprintf("The request must have at most %d devices.", MaxDevices)}
	}
	for n, d := range q.Devices {
		if d.ID == "" {
			return nil, &refusal{http.StatusBadRequest, "no_device_id", fmt.Sprintf("Device %d has no device_id.", n+1)}
		}
	}
	return q, nil
}

// refuse writes an error as JSON.
func (s *Service) refuse(w http.ResponseWriter, why *refusal) {
	s.metrics.requests.WithLabelValues(why.code).Inc()
	body, err := json.Marshal(map[string]map[string]string{"error": {"code": why.code, "message": why.sentence}},
		json.Deterministic(true))
	if err != nil {
		body = nil
	}
	if why.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(why.status)
	_, _ = w.Write(body)
}

// s2sID returns the API's own id of a device.
func s2sID(deviceID string) string {
	h := fnv.New64a()
	h.Write([]byte(deviceID))
	return "sample-" + hex.EncodeToString(h.Sum(nil))
}
