package dispatcher

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/dataset"
	"plumbline.dev/services/internal/destination"
)

// uploads stores a destination that receives lines. Each batch has at most 5 lines.
func (f *fixture) uploads(url string, edit ...func(*proto.Destination)) *proto.Destination {
	f.Helper()
	return f.destination(url, append([]func(*proto.Destination){func(d *proto.Destination) {
		d.Kind, d.Secrets = proto.DestinationNDJSON, nil
		d.Upload = &proto.Upload{Dataset: dataset.PostureResults, MaxRecords: 5}
	}}, edit...)...)
}

// lines returns the lines of a compressed body.
func lines(t testing.TB, body []byte) (all []string) {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(r); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

// lines returns the lines of all accepted batches.
func (r *receiver) lines() (all []string) {
	for _, m := range r.all() {
		all = append(all, lines(r.t, m.body)...)
	}
	return all
}

// devicesOf returns the device of each line.
func devicesOf(t testing.TB, lines []string) (all []string) {
	t.Helper()
	for _, line := range lines {
		var l struct{ DeviceID string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.DeviceID == "" {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, l.DeviceID)
	}
	return all
}

// onChange writes a change of n devices and returns them.
func (f *fixture) onChange(n int) (devices []string) {
	f.Helper()
	c := &proto.Change{Account: f.account, Check: f.check, Outcome: proto.OutcomeFail, Index: 1,
		Integration: proto.NewID(), At: proto.At(time.Now())}
	for range n {
		d := proto.ChangedDevice{Device: proto.NewID(), From: proto.OutcomePass, Reason: proto.ReasonScore}
		c.Devices = append(c.Devices, d)
		devices = append(devices, d.Device.String())
	}
	_, err := f.operator.Publish(f.Context(), bus.Outgoing{
		Subject: topology.Change(f.account, f.check, proto.OutcomeFail, 0), Body: c})
	if err != nil {
		f.Fatal(err)
	}
	return devices
}

func TestUploadsLinesInBatches(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.uploads(r.URL, func(d *proto.Destination) {
		d.Headers = []proto.DestinationHeader{{Name: "Authorization",
			Sealed: f.seal(destination.HeaderLabel(d.ID, "Authorization"), "Bearer HEADERSECRET")}}
	})
	f.dispatcher()
	var want []string
	for range 10 {
		want = append(want, f.onChange(1)...)
	}
	bustest.Eventually(t, "two batches are delivered", func() bool { return len(r.all()) == 2 })
	for n, m := range r.all() {
		if got := devicesOf(t, lines(t, m.body)); !slices.Equal(got, want[n*5:n*5+5]) {
			t.Errorf("batch %d has %d lines", n, len(got))
		}
		if m.headers.Get("Content-Encoding") != "gzip" || m.headers.Get("Authorization") != "Bearer HEADERSECRET" ||
			m.headers.Get("Content-Type") != "application/x-ndjson" || m.headers.Get("Webhook-Signature") != "" {
			t.Error(m.headers)
		}
	}
	bustest.Eventually(t, "the position is stored", func() bool {
		s := f.state(d)
		return s.Delivered == 2 && s.Positions["results"].Seq >= 10 && s.LastSuccessAt != 0
	})
}

// Lines that do not fill a batch are sent once the interval has passed. A message is not divided.
func TestUploadBounds(t *testing.T) {
	t.Parallel()
	f := start(t)
	slow, small, wide := f.receiver(), f.receiver(), f.receiver()
	f.uploads(slow.URL)
	f.uploads(small.URL, func(d *proto.Destination) {
		d.Upload = &proto.Upload{Dataset: dataset.PostureResults, MaxBytes: 1}
	})
	f.uploads(wide.URL)
	begin := f.clock.Now()
	f.dispatcher()
	want := slices.Concat(f.onChange(1), f.onChange(1), f.onChange(2))
	bustest.Eventually(t, "each message is a batch", func() bool { return len(small.all()) == 3 })
	if n := slow.tries(); n != 0 {
		t.Errorf("%d uploads before the interval has passed", n)
	}
	f.advance("the interval has passed", time.Second, func() bool { return len(slow.lines()) == 4 })
	if past := f.clock.Now().Sub(begin); past < proto.MinUploadInterval {
		t.Errorf("after %v", past)
	}
	for _, r := range []*receiver{slow, small} {
		if got := devicesOf(t, r.lines()); !slices.Equal(got, want) {
			t.Error(got)
		}
	}
	more := f.onChange(12)
	bustest.Eventually(t, "a message with more lines than a batch", func() bool { return len(wide.lines()) >= 16 })
	all := wide.all()
	if got := devicesOf(t, lines(t, all[len(all)-1].body)); !slices.Equal(got, more) {
		t.Errorf("%d lines", len(got))
	}
}

// Lines of a receiver that fails are kept, in order, and uploaded once it works again. A full batch waits meanwhile.
func TestUploadsToAFailingReceiver(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	r.setAnswer(status(http.StatusServiceUnavailable))
	d := f.uploads(r.URL)
	f.dispatcher()
	var want []string
	for range 20 {
		want = append(want, f.onChange(1)...)
	}
	f.advance("three attempts", time.Minute, func() bool { return f.state(d).Attempts >= 3 })
	if s := f.state(d); s.LastStatus != 503 || s.Delivered != 0 || s.Positions["results"].Seq != 0 ||
		!strings.HasPrefix(s.Waiting, "batch_") {
		t.Errorf("%+v", s)
	}
	r.setAnswer(nil)
	f.advance("the receiver works", time.Minute, func() bool { return len(r.lines()) >= 20 })
	if got := devicesOf(t, r.lines()); !slices.Equal(got, want) {
		t.Errorf("%d lines of %d", len(got), len(want))
	}
}

func TestUploadsEndWithGone(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	r.setAnswer(status(http.StatusGone))
	d := f.uploads(r.URL)
	f.dispatcher()
	want := f.onChange(5)
	bustest.Eventually(t, "the destination is disabled", func() bool { return f.state(d).Disabled != "" })
	r.setAnswer(nil)
	f.put(d)
	bustest.Eventually(t, "an edit continues", func() bool { return slices.Equal(devicesOf(t, r.lines()), want) })
}

// A dispatcher that ends without storing its position, as in a crash, is followed by another one. Every line arrives,
// in order; a line that comes again is the same.
func TestUploadsAfterACrash(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	f.uploads(r.URL)
	short := func(c *Config) { c.lease = 3 * time.Second }
	var want []string
	for range 3 {
		s, conn := f.service(short)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		for range 30 {
			want = append(want, f.onChange(1)...)
		}
		bustest.Eventually(t, "some lines are delivered", func() bool { return len(r.lines()) > len(want)-20 })
		conn.NATS().Close()
		if err := <-ended; err == nil {
			t.Error("it ended without an error")
		}
		cancel()
	}
	f.dispatcher(short)
	seen := map[string]string{}
	bustest.Eventually(t, "every line arrives", func() bool {
		all := r.lines()
		var order []string
		clear(seen)
		for n, device := range devicesOf(t, all) {
			if old, again := seen[device]; again && old != all[n] {
				t.Fatalf("%s came as %s and as %s", device, old, all[n])
			} else if !again {
				order = append(order, device)
			}
			seen[device] = all[n]
		}
		if !slices.Equal(order, want[:len(order)]) {
			t.Fatal("a line is missing or out of order")
		}
		return len(order) == len(want)
	})
}

// A line has what the inventory knows about the device, and the settings of the check.
func TestLinesHaveFactsOfDevices(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	f.uploads(r.URL, func(d *proto.Destination) { d.Upload.MaxRecords = 1 })
	device := proto.Device{ID: proto.NewID(), Email: "a@example.com", Serial: "S1", Hostname: "h1"}
	if _, err := f.operator.Put(t.Context(), topology.Devices, topology.PageKey(f.account, 0),
		&proto.Page{Devices: []proto.Device{device}}, 0); err != nil {
		t.Fatal(err)
	}
	f.records.Configure(topology.KindCheck, f.check, &proto.Check{ID: f.check, Name: "Score", Type: "custom_s2s",
		Operator: proto.OpGreater, Score: 70})
	s, _ := f.dispatcher()
	bustest.Eventually(t, "the check is seen", func() bool {
		_, found := s.catalog.Check(f.account, f.check)
		return found
	})
	_, err := f.operator.Publish(t.Context(), bus.Outgoing{
		Subject: topology.Change(f.account, f.check, proto.OutcomePass, 0),
		Body: &proto.Change{Account: f.account, Check: f.check, Outcome: proto.OutcomePass, Index: 1, At: 1000,
			Devices: []proto.ChangedDevice{{Device: device.ID, Reason: proto.ReasonScore, Score: 71}}}})
	if err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the line arrives", func() bool { return len(r.lines()) == 1 })
	var got map[string]any
	if err := json.Unmarshal([]byte(r.lines()[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"DeviceID": device.ID.String(), "DeviceName": "h1", "DeviceSerialNumber": "S1",
		"Email": "a@example.com", "PolicyID": f.check.String(), "PostureCheckName": "Score",
		"PostureCheckType": "custom_s2s", "PostureEvaluatedResult": true, "Timestamp": 1e9}
	maps.DeleteFunc(got, func(name string, _ any) bool { return want[name] == nil })
	if !maps.Equal(got, want) {
		t.Error(got)
	}
}

func TestUploadsAccessRequests(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.uploads(r.URL, func(d *proto.Destination) {
		d.Upload = &proto.Upload{Dataset: dataset.AccessRequests, Fields: []string{"RayID", "Email"}, MaxRecords: 2}
	})
	f.dispatcher()
	for _, ray := range []string{"ray1", "ray2"} {
		app := proto.NewID()
		_, err := f.operator.Publish(t.Context(), bus.Outgoing{Subject: topology.AccessLog(f.account, app),
			Body: &proto.Authentication{Account: f.account, At: 1, Application: app, Action: proto.ActionLogin, Ray: ray}})
		if err != nil {
			t.Fatal(err)
		}
	}
	bustest.Eventually(t, "the lines arrive", func() bool { return len(r.lines()) == 2 })
	if got := strings.Join(r.lines(), " "); got != `{"RayID":"ray1","Email":null} {"RayID":"ray2","Email":null}` {
		t.Error(got)
	}
	bustest.Eventually(t, "the position is stored", func() bool { return f.state(d).Positions["requests"].Seq > 0 })
}

// Messages without lines move the position. So do messages of other accounts.
func TestPositionWithoutLines(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.uploads(r.URL, func(d *proto.Destination) { d.Upload.SampleRate = 1e-12 })
	f.dispatcher()
	f.onChange(3)
	bustest.Eventually(t, "the position moves", func() bool { return f.state(d).Positions["results"].Seq == 1 })
	other := proto.NewAccount()
	_, err := f.operator.Publish(t.Context(), bus.Outgoing{Subject: topology.Change(other, f.check, proto.OutcomeFail, 0),
		Body: &proto.Change{Account: other, Check: f.check, Outcome: proto.OutcomeFail, Index: 1}})
	if err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the position moves on", func() bool { return f.state(d).Positions["results"].Seq == 2 })
	if n := r.tries(); n != 0 {
		t.Errorf("%d uploads", n)
	}
}

// If messages were deleted before they were sent, the state says so.
func TestMissedLines(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.uploads(r.URL)
	_, stop := f.dispatcher()
	f.onChange(5)
	bustest.Eventually(t, "a batch is delivered", func() bool { return f.state(d).Delivered == 1 })
	stop()
	for range 3 {
		f.onChange(5)
	}
	mirror := topology.Mirror.APIPrefix() + ".STREAM.PURGE." + topology.PostureLog
	bustest.Eventually(t, "the copy is purged", func() bool {
		_, err := f.operator.NATS().Request(mirror, []byte(`{"seq":4}`), 5*time.Second)
		e, err2 := f.bus.Conn(topology.Dispatcher).Extent(t.Context(), topology.PostureLog)
		return err == nil && err2 == nil && e.First == 4
	})
	f.dispatcher()
	bustest.Eventually(t, "the rest is delivered", func() bool { return len(r.all()) == 2 })
	bustest.Eventually(t, "the gap is stored", func() bool {
		return strings.Contains(f.state(d).LastError, "deleted from the log")
	})
}

// A test uploads {"content":"tests"}, also for a destination that is not stored yet.
func TestTestUpload(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	unsaved := &proto.Destination{ID: proto.NewID(), Kind: proto.DestinationNDJSON,
		Upload: &proto.Upload{Dataset: dataset.PostureResults}}
	unsaved.SealedURL = f.seal(destination.URLLabel(unsaved.ID), r.URL)
	f.dispatcher()
	api := f.bus.Conn(topology.API)
	var result proto.DestinationTestResult
	bustest.Eventually(t, "a dispatcher answers", func() bool {
		result = proto.DestinationTestResult{}
		return api.Request(t.Context(), topology.DestinationTest(f.account),
			&proto.DestinationTest{Destination: unsaved.ID, Unsaved: unsaved}, &result) == nil
	})
	if result.Error != "" || result.Status != 204 {
		t.Fatalf("%+v", result)
	}
	m := r.all()[0]
	g, err := gzip.NewReader(bytes.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(g); err != nil || string(text) != `{"content":"tests"}` {
		t.Errorf("%q, %v", text, err)
	}
	if m.headers.Get("Content-Encoding") != "gzip" {
		t.Error(m.headers)
	}
}

// The lines of 40,000 changed devices arrive in order, in batches of the default size.
func TestManyLines(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	f.uploads(r.URL, func(d *proto.Destination) { d.Upload.MaxRecords = 0 })
	const messages, each = 40, proto.PageSize
	var want []string
	for range messages {
		want = append(want, f.onChange(each)...)
	}
	begin := time.Now()
	f.dispatcher()
	f.advance("all lines arrive", proto.MinUploadInterval, func() bool { return len(r.lines()) >= messages*each })
	if got := devicesOf(t, r.lines()); !slices.Equal(got, want) {
		t.Errorf("%d lines of %d", len(got), len(want))
	}
	largest := 0
	for _, m := range r.all() {
		largest = max(largest, len(m.body))
	}
	t.Logf("%d lines in %d uploads within %v; the largest has %d bytes", len(want), len(r.all()), time.Since(begin),
		largest)
	if largest > proto.MinUploadBytes {
		t.Errorf("an upload of %d bytes", largest)
	}
}
