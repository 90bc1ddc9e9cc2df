package trial_test

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/trial"
	"plumbline.dev/services/api/v4"
)

// stuck is a client that reads nothing until it is told to.
type stuck struct {
	*httptest.ResponseRecorder
	began, read chan struct{}
	once        sync.Once
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.began) })
	<-s.read
	return s.ResponseRecorder.Write(b)
}

// Trials of the log beyond the limit are denied, and do not wait.
func TestTrialsOfTheLogAreLimited(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.poll(90, 10)
	f.Clock.Set(time.Now())
	body := map[string]any{"rule": f.rule(">=", 60, nil), "since": "1h"}
	read := make(chan struct{})
	var all sync.WaitGroup
	for range trial.PastAtOnce {
		w := &stuck{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}), read: read}
		req := f.Request("POST", f.Path("/plumbline/checks/try"), body)
		all.Go(func() { f.Handler.ServeHTTP(w, req) })
		<-w.began
	}
	message := f.WantError(503, v4.CodeUnavailable, "POST", "/plumbline/checks/try", body)
	if !strings.Contains(message, "concurrent trials of the log") {
		t.Error(message)
	}
	if a := f.try(map[string]any{"rule": f.rule(">=", 60, nil)}); a.Devices != 2 {
		t.Errorf("the newest scores meanwhile: %+v", a)
	}
	close(read)
	all.Wait()
	w := httptest.NewRecorder()
	f.Handler.ServeHTTP(w, f.Request("POST", f.Path("/plumbline/checks/try"), body))
	if w.Code != 200 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// An entry that cannot be read is left out of a trial, with a message. An edit that expects a number of flips is
// denied: the number is unknown.
func TestAnUnreadableEntryIsNamed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.poll(90, 10)
	id := f.check(f.rule(">=", 60, nil))
	ref := f.page(f.integration)
	ref.Page = 7
	if _, err := f.Conn.JetStream().Publish(t.Context(), topology.Log(ref), []byte("no entry")); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the state has it", func() bool {
		_, err := f.Conn.Last(t.Context(), topology.PostureState, topology.Log(ref))
		return err == nil
	})
	r := f.Do("POST", "/plumbline/checks/try", map[string]any{"rule_id": id})
	if r.Status != 200 || !strings.Contains(string(r.Body), "cannot be read and is left out") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	message := f.WantError(409, v4.CodeConflict, "PUT", "/devices/posture/"+id.String()+"?expect_flips=9",
		f.rule(">=", 60, nil))
	if !strings.Contains(message, "unknown") {
		t.Error(message)
	}
}
