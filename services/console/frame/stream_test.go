package frame_test

import (
	"net/http"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

// What a person or a device wrote stays data, with whichever end of a line.
func TestDataOfEventsHasNoMembers(t *testing.T) {
	data := ""
	c := consoletest.New(t, nil, func(f *frame.Frame) {
		f.Get("/things/live", func(r *frame.Request) error { return r.Stream().Send("status", data) })
	})
	for sent, want := range map[string]string{
		"":                   "event: status\ndata: \n\n",
		"a":                  "event: status\ndata: a\n\n",
		"a\nb":               "event: status\ndata: a\ndata: b\n\n",
		"ok\revent: x":       "event: status\ndata: ok\ndata: event: x\n\n",
		"ok\r\nid: x\r\r\ny": "event: status\ndata: ok\ndata: id: x\ndata: \ndata: y\n\n",
	} {
		data = sent
		if p := c.Get("/things/live"); p.Status != http.StatusOK || p.Body != want {
			t.Errorf("%q: %q, want %q", sent, p.Body, want)
		}
	}
}
