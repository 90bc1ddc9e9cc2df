package posture_test

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestUnreadableEntriesAreReported checks that results, explanations and a history name the entries that they leave
// out, without their content.
func TestUnreadableEntriesAreReported(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 90, proto.OutcomePass)
	subject, device := topology.Log(f.Page()), f.Devices[0].String()
	if _, err := f.Conn.JetStream().Publish(t.Context(), subject, []byte("private")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/plumbline/results/devices/" + device,
		"/plumbline/results/devices/" + device + "?history=1", "/plumbline/results/pages/0",
		"/plumbline/explain/" + device} {
		r := f.Do("GET", path, nil)
		got := r.Message(v4.CodeUnreadable)
		if r.Status != 200 || !strings.HasPrefix(got, subject+", sequence ") || strings.Contains(got, "private") {
			t.Errorf("%s: %d, message %q, %s", path, r.Status, got, r.Result)
		}
	}
}

// TestManyUnreadableEntriesAreCounted checks that a response names some of many unreadable entries and counts the rest.
func TestManyUnreadableEntriesAreCounted(t *testing.T) {
	t.Parallel()
	var left v4.LeftOut
	for n := range uint64(25) {
		left.Add("key", n)
	}
	all := left.Notices()
	if len(all) != 21 || !strings.HasPrefix(all[20].Message, "5 more records") {
		t.Errorf("%d notices, the last of which is %+v", len(all), all[len(all)-1])
	}
	(*v4.LeftOut)(nil).Add("key", 1)
}
