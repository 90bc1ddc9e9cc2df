package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// An exempt device that fails is admitted, and refused again after the end of its exemption: by a person, and by time.
func TestAnExemptDeviceIsAdmittedUntilTheEnd(t *testing.T) {
	m := newMeasured(t, "--overlay", "127.0.0.64/26")
	s := newSite(t, m.control, m.plumb.Access, laptop.IPv4, m.plumb, stack.PostureRule(m.check.String()))
	s.enters()
	m.score.Store(10)
	s.do(m.control.PollNow(t.Context(), m.integration))
	s.becomes(soon, http.StatusForbidden, "", s.token)

	const path = "/plumbline/exemptions"
	exempt := func(until time.Time) (id string) {
		var made struct{ ID string }
		s.do(m.control.Call(t.Context(), http.MethodPost, path, map[string]any{"device_id": laptop.ID, "rule_id": m.check,
			"until": until.UTC().Format(time.RFC3339Nano), "reason": "in repair"}, &made))
		s.becomes(soon, http.StatusOK, "", s.token)
		return made.ID
	}
	id := exempt(time.Now().Add(time.Hour))
	s.do(m.control.Call(t.Context(), http.MethodDelete, path+"/"+id, nil, nil))
	s.becomes(soon, http.StatusForbidden, "", s.token)

	// Long enough for a loaded machine to admit the device before the end.
	exempt(time.Now().Add(20 * time.Second))
	s.becomes(20*time.Second+soon, http.StatusForbidden, "", s.token)
	stack.Until(t, soon, "there is no exemption", func() error {
		var left []any
		if err := m.control.Call(t.Context(), http.MethodGet, path, nil, &left); err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("there is %v", left)
		}
		return nil
	})

	// The account's observe switch admits it as well, as long as it is on.
	const observe = "/plumbline/observe"
	s.do(m.control.Call(t.Context(), http.MethodPut, observe, map[string]any{
		"until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "reason": "the scoring API is broken"}, nil))
	s.becomes(soon, http.StatusOK, "", s.token)
	s.do(m.control.Call(t.Context(), http.MethodDelete, observe, nil, nil))
	s.becomes(soon, http.StatusForbidden, "", s.token)
}
