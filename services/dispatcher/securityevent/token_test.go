package securityevent_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/securityevent"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	account = proto.Account{1}
	check   = proto.ID{2}
	device  = proto.ID{3}
	other   = proto.ID{4} // a device without a user
	at      = time.UnixMilli(1_800_000_000_500)
)

func newStream(edit func(*proto.SecurityStream)) securityevent.Stream {
	s := &proto.SecurityStream{Issuer: "https://plumb.example/ssf/a", Audience: []string{"https://soc.example"},
		Requested: []string{"https://other.example/event", securityevent.DeviceComplianceChange}}
	if edit != nil {
		edit(s)
	}
	return securityevent.Stream{Account: account, ID: proto.ID{9}, SecurityStream: s}
}

// newChange returns a change of two devices.
func newChange(from, to proto.Outcome, why proto.Reason) securityevent.Change {
	return securityevent.Change{Ref: topology.ChangeRef{Account: account, Check: check, Outcome: to}, Seq: 7,
		Devices: &proto.Change{At: proto.At(at), Devices: []proto.ChangedDevice{
			{Device: device, From: from, Reason: why, Score: 41},
			{Device: other, From: from, Reason: why, Score: proto.NoScore}}},
		CheckName: "Disk <encrypted>", Remediation: "Turn it on.", Emails: map[proto.ID]string{device: "ada@example.com"}}
}

// The golden files hold the payloads: a receiver depends on each of their members.
func TestGolden(t *testing.T) {
	fail := newChange(proto.OutcomePass, proto.OutcomeFail, proto.ReasonScore)
	state := "VGhpcyBpcyBhbiBleGFtcGxl"
	tokens := func(all []securityevent.Token, err error) []securityevent.Token {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	one := func(token securityevent.Token, err error) []securityevent.Token {
		return tokens([]securityevent.Token{token}, err)
	}
	with := func(edit func(*proto.SecurityStream)) securityevent.Stream { return newStream(edit) }
	for name, all := range map[string][]securityevent.Token{
		"complex": tokens(with(nil).OfChange(fail)),
		"email":   tokens(with(func(s *proto.SecurityStream) { s.Subject = proto.SubjectEmail }).OfChange(fail)),
		"iss_sub": tokens(with(func(s *proto.SecurityStream) { s.Subject = proto.SubjectIssSub }).OfChange(fail)),
		"okta":    tokens(with(func(s *proto.SecurityStream) { s.Profile = proto.ProfileOkta }).OfChange(fail)),
		"audiences": tokens(with(func(s *proto.SecurityStream) {
			s.Audience = append(s.Audience, "https://siem.example")
		}).OfChange(newChange(proto.OutcomeFail, proto.OutcomePass, proto.ReasonScore))),
		"verification": one(with(nil).OfNotice(proto.StreamNotice{Number: 1, At: proto.At(at), State: &state})),
		"unsolicited":  one(with(nil).OfNotice(proto.StreamNotice{Number: 2, At: proto.At(at)})),
		"updated": one(with(nil).OfNotice(proto.StreamNotice{Number: 3, At: proto.At(at), Status: proto.StreamPaused,
			Reason: "maintenance"})),
		"gap": one(with(nil).OfGap("7.1", "9.1", at)),
	} {
		var got bytes.Buffer
		for _, token := range all {
			if token.JTI != token.ID.String() || !token.At.Equal(token.At.UTC()) {
				t.Errorf("%s: %+v", name, token)
			}
			if err := json.Indent(&got, token.Payload, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
		}
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s, %v:\n%s", path, err, got.Bytes())
		}
	}
}

// Each token has exactly one event, and neither sub nor exp.
func TestClaims(t *testing.T) {
	all, err := newStream(nil).OfChange(newChange(proto.OutcomePass, proto.OutcomeFail, proto.ReasonScore))
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, token := range all {
		var claims map[string]any
		if err := json.Unmarshal(token.Payload, &claims); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"sub", "exp", "nbf"} {
			if claims[name] != nil {
				t.Errorf("claim %s", name)
			}
		}
		if events := claims["events"].(map[string]any); len(events) != 1 {
			t.Error(events)
		}
	}
	if all[0].JTI == all[1].JTI {
		t.Error("two tokens have one jti")
	}
}

func TestStatuses(t *testing.T) {
	none, unknown, pass, fail := proto.OutcomeNone, proto.OutcomeUnknown, proto.OutcomePass, proto.OutcomeFail
	for _, c := range []struct {
		from, to          proto.Outcome
		why               proto.Reason
		expired           bool
		previous, current string // empty: nothing is sent
	}{
		{pass, fail, proto.ReasonScore, false, "compliant", "not-compliant"},
		{fail, pass, proto.ReasonScore, false, "not-compliant", "compliant"},
		{fail, pass, proto.ReasonExempt, false, "not-compliant", "compliant"},
		{unknown, pass, proto.ReasonScore, false, "not-compliant", "compliant"},
		{unknown, fail, proto.ReasonScore, false, "compliant", "not-compliant"},
		{unknown, fail, proto.ReasonScore, true, "compliant", "not-compliant"},
		{none, pass, proto.ReasonScore, false, "not-compliant", "compliant"},
		{none, fail, proto.ReasonScore, false, "compliant", "not-compliant"},
		{pass, unknown, proto.ReasonExpired, false, "", ""},
		{pass, unknown, proto.ReasonExpired, true, "compliant", "not-compliant"},
		{fail, unknown, proto.ReasonExpired, true, "", ""},
		{pass, unknown, proto.ReasonUnsupported, true, "", ""},
		{pass, none, proto.ReasonRemoved, true, "", ""},
	} {
		s := newStream(func(s *proto.SecurityStream) { s.Expired = c.expired })
		all, err := s.OfChange(newChange(c.from, c.to, c.why))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Events map[string]struct {
				Previous string `json:"previous_status"`
				Current  string `json:"current_status"`
			}
		}
		if len(all) > 0 {
			if err := json.Unmarshal(all[0].Payload, &got); err != nil {
				t.Fatal(err)
			}
		}
		e := got.Events[securityevent.DeviceComplianceChange]
		if e.Previous != c.previous || e.Current != c.current {
			t.Errorf("%v to %v because of %v, expired %v: %+v", c.from, c.to, c.why, c.expired, e)
		}
	}
}

// The same change gives the same tokens; another stream, sequence, time or device gives others.
func TestIDs(t *testing.T) {
	seen := map[string]string{}
	add := func(what string, s securityevent.Stream, c securityevent.Change) {
		t.Helper()
		all, err := s.OfChange(c)
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		for _, token := range all {
			if before := seen[token.JTI]; before != "" {
				t.Errorf("%s has the token of %s", what, before)
			}
			seen[token.JTI] = what
		}
	}
	fail := func() securityevent.Change { return newChange(proto.OutcomePass, proto.OutcomeFail, proto.ReasonScore) }
	a, err1 := newStream(nil).OfChange(fail())
	b, err2 := newStream(nil).OfChange(fail())
	if err1 != nil || err2 != nil || !bytes.Equal(a[0].Payload, b[0].Payload) {
		t.Errorf("%s, then %s", a[0].Payload, b[0].Payload)
	}
	add("a change", newStream(nil), fail())
	another := newStream(nil)
	another.ID = proto.ID{8}
	add("another stream", another, fail())
	c := fail()
	c.Seq++
	add("another sequence", newStream(nil), c)
	c = fail()
	c.Devices.At++
	add("another time", newStream(nil), c)
}

// A stream has only the changes of its check, and none if the receiver did not ask for them.
func TestWants(t *testing.T) {
	for _, c := range []struct {
		edit func(*proto.SecurityStream)
		want bool
	}{
		{nil, true},
		{func(s *proto.SecurityStream) { s.Check = check }, true},
		{func(s *proto.SecurityStream) { s.Check = device }, false},
		{func(s *proto.SecurityStream) { s.Requested = nil }, false},
		{func(s *proto.SecurityStream) { s.Requested = []string{"https://other.example/event"} }, false},
	} {
		s := newStream(c.edit)
		all, err := s.OfChange(newChange(proto.OutcomePass, proto.OutcomeFail, proto.ReasonScore))
		if err != nil || s.Wants(check) != c.want || (len(all) > 0) != c.want {
			t.Errorf("%+v: %v, %d tokens, %v", s.SecurityStream, s.Wants(check), len(all), err)
		}
	}
}

func TestNotify(t *testing.T) {
	s := &proto.SecurityStream{}
	for range proto.MaxStreamNotices + 3 {
		before := s.Notices
		s.Notify(proto.StreamNotice{})
		if len(before) > 0 && &before[0] == &s.Notices[0] {
			t.Fatal("the slice of a stored record is changed")
		}
	}
	if n := len(s.Notices); n != proto.MaxStreamNotices || s.Notices[0].Number != 4 || s.Notices[n-1].Number != 19 {
		t.Errorf("%+v", s.Notices)
	}
}
