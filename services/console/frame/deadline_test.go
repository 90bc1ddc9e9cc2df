package frame_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

// deadlines notes in what order a response is written and its deadline moves.
type deadlines struct {
	*httptest.ResponseRecorder
	order []string
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	if time.Until(at) > 0 {
		d.order = append(d.order, "deadline")
	}
	return nil
}

func (d *deadlines) Write(b []byte) (int, error) {
	d.order = append(d.order, "write")
	return d.ResponseRecorder.Write(b)
}

// An export takes as long as the browser needs: each write has a deadline of its own, and what the server holds until
// the end too. Other pages have the server's deadline.
func TestEachWriteOfAnExportHasADeadline(t *testing.T) {
	c := consoletest.New(t, nil, func(f *frame.Frame) {
		lines := func(r *frame.Request) error {
			for range 2 {
				if _, err := r.W.Write([]byte("line\n")); err != nil {
					return err
				}
			}
			return nil
		}
		f.Get("/things/export", lines)
		f.Get("/things", lines)
	})
	for path, want := range map[string][]string{
		"/things/export": {"deadline", "write", "deadline", "write", "deadline"},
		"/things":        {"write", "write"},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		c.Handler.ServeHTTP(w, c.Request(http.MethodGet, path, nil))
		if !slices.Equal(w.order, want) {
			t.Errorf("%s: %q, want %q", path, w.order, want)
		}
	}
}
