package hold_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/hold"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/resource"
)

// plane is a control plane with one hold.
type plane struct {
	hold     client.Hold
	revision int
	// changes are made to the hold, one before each decision.
	changes []func(*client.Hold)
	sent    []string // If-Match of each decision
}

func (p *plane) answer(w http.ResponseWriter, status int, result any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, p.revision))
	w.WriteHeader(status)
	body := map[string]any{"success": status == 200, "errors": []any{}, "messages": []any{}, "result": result}
	if status != 200 {
		body["errors"] = []any{map[string]any{"code": 1, "message": "it has changed"}}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (p *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.Path, "/plumbline/holds")
	switch {
	case r.Method == http.MethodGet && path == "":
		all := []client.Hold{p.hold}
		if r.URL.Query().Get("page") != "1" {
			all = []client.Hold{}
		}
		p.answer(w, 200, all)
	case r.Method == http.MethodGet:
		p.answer(w, 200, p.hold)
	default:
		if len(p.changes) > 0 {
			p.changes[0](&p.hold)
			p.changes, p.revision = p.changes[1:], p.revision+1
		}
		p.sent = append(p.sent, r.Header.Get("If-Match"))
		if match := r.Header.Get("If-Match"); match != "" && match != fmt.Sprintf(`"%d"`, p.revision) {
			p.answer(w, 412, nil)
			return
		}
		p.hold.State = "released"
		p.answer(w, 200, p.hold)
	}
}

// typed is a terminal with one line typed after each question.
type typed []string

func (t *typed) Read(b []byte) (int, error) {
	if len(*t) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*t)[0]+"\n")
	*t = (*t)[1:]
	return n, nil
}

// A decision is about the hold shown to the person.
func TestDecisionsAboutAChangedHold(t *testing.T) {
	poll := func(h *client.Hold) { h.Tick++ }
	grow := func(h *client.Hold) {
		h.Tick, h.Directions, h.Devices, h.FleetGained = h.Tick+1, []string{"lock_out", "open_up"}, 900, 880
	}
	for name, c := range map[string]struct {
		changes   []func(*client.Hold)
		answers   []string // typed; nil: no terminal
		yes       bool
		sent      []string // revisions
		questions int
		exit      int
		undecided bool // the person answered no
	}{
		"unchanged": {answers: []string{"y"}, sent: []string{"7"}, questions: 1},
		"a poll changes nothing": {changes: []func(*client.Hold){poll}, answers: []string{"y"},
			sent: []string{"7", "8"}, questions: 1},
		"a poll, in a script": {changes: []func(*client.Hold){poll}, sent: []string{"7", "8"}},
		"it grows, and the answer is yes": {changes: []func(*client.Hold){grow}, answers: []string{"y", "y"},
			sent: []string{"7", "8"}, questions: 2},
		"it grows, and the answer is no": {changes: []func(*client.Hold){grow}, answers: []string{"y", "n"},
			sent: []string{"7"}, questions: 2, undecided: true},
		"it grows, in a script": {changes: []func(*client.Hold){grow}, sent: []string{"7"}, exit: cli.ExitConflict},
		"it grows, with --yes": {changes: []func(*client.Hold){grow}, answers: []string{}, yes: true,
			sent: []string{"7"}, exit: cli.ExitConflict},
		"it never rests": {changes: slices.Repeat([]func(*client.Hold){poll}, 100),
			sent: []string{"7", "8", "9", "10", "11", "12", "13", "14"}, exit: cli.ExitConflict},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plane{revision: 7, changes: c.changes, hold: client.Hold{ID: "h-1", Name: "good", State: "standing",
				Directions: []string{"lock_out"}, Pages: 1, Devices: 20, FleetLost: 20, FleetPass: 1000, FleetKnown: 2000}}
			server := httptest.NewServer(p)
			defer server.Close()
			var out, errs bytes.Buffer
			answers := typed(c.answers)
			term := &cli.Terminal{In: &answers, Out: &out, Err: &errs, InTTY: c.answers != nil, ErrTTY: c.answers != nil}
			var cmd hold.Holds
			cmd.Release.Flags = remote.Flags{URL: server.URL, Token: "secret", Account: proto.NewAccount().String()}
			cmd.Release.Format, cmd.Release.Hold, cmd.Release.Reason, cmd.Release.Yes = "table", "good", "r", c.yes
			err := cmd.Release.Run(t.Context(), term)
			for n := range c.sent {
				c.sent[n] = `"` + c.sent[n] + `"`
			}
			if !slices.Equal(p.sent, c.sent) {
				t.Errorf("decisions about the revisions %q, want %q", p.sent, c.sent)
			}
			if got := strings.Count(errs.String(), "Release the hold of good?"); got != c.questions {
				t.Errorf("%d questions, want %d: %s", got, c.questions, errs.String())
			}
			switch code := cli.CodeOf(remote.Coded(err)); {
			case c.undecided:
				if !errors.Is(err, resource.ErrNotConfirmed) {
					t.Errorf("%v", err)
				}
			case code != c.exit:
				t.Errorf("exit code %d, want %d: %v", code, c.exit, err)
			}
			if decided := err == nil; decided != (p.hold.State == "released") {
				t.Errorf("the hold is %s: %v", p.hold.State, err)
			}
			const news = "it is now standing (lock_out, open_up): 900 devices on 1 pages, would lose 20/1000, " +
				"would gain 880/1000"
			if text := errs.String() + fmt.Sprint(err); p.hold.FleetGained != 0 && !strings.Contains(text, news) {
				t.Errorf("the new state is not told: %s", text)
			}
		})
	}
}
