package enforcement_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// recorded reports whether an exemption is stored.
func recorded(f *apitest.Fixture, id any) bool {
	f.T.Helper()
	x, err := proto.ParseID(fmt.Sprint(id))
	if err != nil {
		f.T.Fatal(err)
	}
	var into proto.Exemption
	_, err = f.Conn.Get(f.T.Context(), topology.Config, topology.ConfigKey(f.Account, topology.KindExemption, x), &into)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		f.T.Fatal(err)
	}
	return err == nil
}

// passing advances the clock until ok returns true. The argument what describes the condition.
func passing(f *apitest.Fixture, what string, ok func() bool) {
	f.T.Helper()
	bustest.Eventually(f.T, what, func() bool {
		f.Clock.Advance(time.Second)
		return ok()
	})
}

// ends returns the reason of each end in the audit log by the exemption's id, and checks that no end is there twice.
func ends(f *apitest.Fixture) map[string]string {
	f.T.Helper()
	all := map[string]string{}
	for _, e := range f.Events() {
		if e.Action != "end" || e.Kind != "exemption" {
			continue
		}
		var after struct {
			ID      string
			Until   time.Time
			EndedAt time.Time `json:"ended_at"`
			Because string    `json:"ended_because"`
		}
		if err := json.Unmarshal(e.After, &after); err != nil || after.ID != e.Resource || after.Until.IsZero() ||
			after.EndedAt.IsZero() || e.Actor.Type != "system" || len(e.Before) == 0 || e.Name == "" {
			f.T.Errorf("%+v: %s, %v", e, e.After, err)
		}
		if all[e.Resource] != "" {
			f.T.Errorf("the end of %s is told twice", e.Resource)
		}
		all[e.Resource] = after.Because
	}
	return all
}

// ended waits until an exemption is deleted, and checks for its one end in the audit log, with the reason.
func ended(f *apitest.Fixture, id any, why string) {
	f.T.Helper()
	passing(f, "the exemption ends: "+why, func() bool { return !recorded(f, id) })
	if got := ends(f)[fmt.Sprint(id)]; got != why {
		f.T.Errorf("it ended because of %q, want %q", got, why)
	}
	f.WantError(404, 12135, "GET", exemptions+"/"+fmt.Sprint(id), nil)
}

// report stores an entry for the fleet's page, with the exemptions of the ids reported as ended.
func report(f *apitest.Fleet, integration proto.ID, tick uint64, ids ...any) {
	f.T.Helper()
	now := proto.At(f.Clock.Now())
	e := proto.Entry{Tick: tick, EvaluatedAt: now, Poll: proto.Poll{At: now, Attempts: 1}}
	for _, id := range ids {
		x, err := proto.ParseID(fmt.Sprint(id))
		if err != nil {
			f.T.Fatal(err)
		}
		e.Exemptions = append(e.Exemptions, proto.ExemptionRef{ID: x, Ended: true})
	}
	p := f.Page()
	p.Integration = integration
	entry := bus.Outgoing{Subject: topology.Log(p), Body: &e, Header: e.Headers(nil)}
	if _, err := f.Conn.Publish(f.T.Context(), entry); err != nil {
		f.T.Fatal(err)
	}
}

func TestEndsOfExemptions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Replica()

	x := f.Want(200, "POST", exemptions, exemption(f, 0))
	f.Clock.Advance(time.Hour)
	ended(f.Fixture, x["id"], "time_over")

	x = f.Want(200, "POST", exemptions, exemption(f, 0))
	report(f, f.Integration, 1, x["id"])
	ended(f.Fixture, x["id"], "device_passes")

	check := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(f.Integration))
	x = f.Want(200, "POST", exemptions, apitest.With(exemption(f, 0), "rule_id", check["id"]))
	f.Want(200, "DELETE", "/devices/posture/"+check["id"].(string), nil)
	ended(f.Fixture, x["id"], "check_removed")

	x = f.Want(200, "POST", exemptions, exemption(f, 0))
	other := f.Want(200, "POST", exemptions, exemption(f, 1))
	f.Want(200, "DELETE", "/plumbline/devices/"+f.Devices[0].String(), nil)
	ended(f.Fixture, x["id"], "device_removed")
	f.Want(200, "POST", "/devices/registrations/revoke?id="+f.Devices[1].String(), nil)
	f.Clock.Advance(time.Minute)
	f.Import("text/csv", "serial_number\nS-1\n") // enrolled anew, on the same page
	x = f.Want(200, "POST", exemptions, exemption(f, 0))
	passing(f.Fixture, "the inventory is looked at again", func() bool { return true })
	if !recorded(f.Fixture, other["id"]) || !recorded(f.Fixture, x["id"]) {
		t.Error("an exemption of a revoked or of a newly enrolled device ended")
	}
}

// A device removed and enrolled anew between two rounds does not keep its old exemption.
func TestExemptionOfADeviceEnrolledAnew(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	x := f.Want(200, "POST", exemptions, exemption(f, 0))
	f.Stop()
	var page proto.Page
	key := topology.PageKey(f.Account, 0)
	revision, err := f.Conn.Get(t.Context(), topology.Devices, key, &page)
	if err != nil {
		t.Fatal(err)
	}
	page.Devices[slices.IndexFunc(page.Devices, func(d proto.Device) bool { return d.ID == f.Devices[0] })].EnrolledAt++
	if _, err := f.Conn.Put(t.Context(), topology.Devices, key, &page, revision); err != nil {
		t.Fatal(err)
	}
	if !recorded(f.Fixture, x["id"]) {
		t.Fatal("there is no exemption")
	}
	f.Fixture = f.At(f.Replica())
	ended(f.Fixture, x["id"], "device_removed")
}

// An exemption from every check is over once the device passes those of every integration with checks.
func TestEndOfAnExemptionFromEveryCheck(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	second := apitest.ID(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()))
	f.Want(200, "POST", "/devices/posture", apitest.CheckBody(second))
	f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()) // without checks
	x := f.Want(200, "POST", exemptions, apitest.With(exemption(f, 0), "rule_id", nil))
	one := f.Want(200, "POST", exemptions, exemption(f, 1))
	report(f, f.Integration, 1, x["id"], one["id"])
	ended(f.Fixture, one["id"], "device_passes") // so the entry was read
	if !recorded(f.Fixture, x["id"]) {
		t.Fatal("it ended though the device fails a check of another integration")
	}
	report(f, second, 2, x["id"])
	ended(f.Fixture, x["id"], "device_passes")
}

// Exemptions expiring while no replica runs are ended when one starts. Several replicas audit each end once.
func TestEndsAfterARestart(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	const n = 130 // more than two batches
	var list strings.Builder
	list.WriteString("serial_number\n")
	for i := range n {
		fmt.Fprintf(&list, "M-%d\n", i)
	}
	f.Import("text/csv", list.String())
	var ids []any
	for i := range n {
		ids = append(ids, f.Want(200, "POST", exemptions, apitest.With(exemption(f, 0), "device_id",
			proto.DeriveID(f.Account, fmt.Sprintf("M-%d", i))))["id"])
	}
	used := f.Want(200, "POST", exemptions, apitest.With(exemption(f, 1), "until", in(f.Fixture, 48*time.Hour)))
	f.Stop()
	report(f, f.Integration, 1, used["id"])
	f.Clock.Advance(2 * time.Hour)
	first := f.Replica()
	f.Replica()
	f.Fixture = f.At(first)
	bustest.Eventually(t, "all have ended", func() bool {
		return !slices.ContainsFunc(append(ids, used["id"]), func(id any) bool { return recorded(f.Fixture, id) })
	})
	told := ends(f.Fixture)
	for _, id := range ids {
		if told[id.(string)] != "time_over" {
			t.Errorf("%s: %q", id, told[id.(string)])
		}
	}
	if len(told) != n+1 || told[used["id"].(string)] != "device_passes" {
		t.Errorf("%d ends, %q", len(told), told[used["id"].(string)])
	}
}

// An unreadable page of the inventory keeps only its own exemptions, and these only until their time is over.
func TestEndsBesideAnUnreadablePage(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	damaged := proto.Account{15: 1} // before the fixture's account
	now := proto.At(f.Clock.Now())
	lost := proto.Exemption{ID: proto.NewID(), Device: proto.NewID(), DeviceName: "lost", Reason: "r",
		Until: now.Add(48 * time.Hour), CreatedAt: now}
	f.Want(200, "PUT", observe, observing(f.Fixture, time.Hour))
	removed := f.Want(200, "POST", exemptions, apitest.With(exemption(f, 0), "until", in(f.Fixture, 48*time.Hour)))
	timed := f.Want(200, "POST", exemptions, exemption(f, 1))
	if _, err := f.Conn.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Devices,
		topology.PageKey(damaged, 0)), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	key := topology.ConfigKey(damaged, topology.KindExemption, lost.ID)
	if _, err := f.Conn.Put(t.Context(), topology.Config, key, &lost, 0); err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		_, err := f.Conn.Get(t.Context(), topology.Config, key, new(proto.Exemption))
		return err == nil
	}
	f.Want(200, "DELETE", "/plumbline/devices/"+f.Devices[0].String(), nil)
	ended(f.Fixture, removed["id"], "device_removed")
	f.Clock.Advance(time.Hour)
	ended(f.Fixture, timed["id"], "time_over")
	passing(f.Fixture, "the observe switch ends", func() bool {
		return !strings.Contains(string(f.Do("GET", "/access/organizations", nil).Body), "x_observe")
	})
	if !there() {
		t.Error("an exemption ended though the page of its device cannot be read")
	}
	f.Clock.Advance(48 * time.Hour)
	passing(f.Fixture, "the exemption ends by its time", func() bool { return !there() })
}
