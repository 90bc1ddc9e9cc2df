package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestAccessRequests(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	app := f.Want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com"})
	id := apitest.ID(app)
	at := f.Clock.Now()
	record := func(n int, a proto.Authentication) {
		t.Helper()
		a.At, a.Application, a.Ray = proto.At(at.Add(time.Duration(n)*time.Minute)), id, fmt.Sprint("ray", n)
		if _, err := f.Conn.Publish(t.Context(),
			bus.Outgoing{Subject: topology.AccessLog(f.Account, id), Body: &a}); err != nil {
			t.Fatal(err)
		}
	}
	person, token := proto.NewID(), proto.NewID()
	for n := range 30 {
		switch n % 3 {
		case 0:
			record(n, proto.Authentication{Action: proto.ActionLogin, Allowed: true, Reason: "allow", Host: "b.example.com",
				User: person, IDP: proto.NewID(),
				Email: "Anna@example.com", IP: "192.0.2.1", Country: "DE"})
		case 1:
			record(n, proto.Authentication{Action: proto.ActionService, Reason: "token_disabled", ClientID: "c.access",
				TokenID: token, IP: "192.0.2.2", Count: 4})
		case 2:
			record(n, proto.Authentication{Action: proto.ActionRequest, Reason: "posture_failed", User: person,
				Email: "anna@example.com", Check: proto.NewID()})
		}
	}
	const path = "/access/logs/access_requests"
	all, _ := f.List(path)
	if len(all) != 25 || all[0]["ray_id"] != "ray29" || all[24]["ray_id"] != "ray5" {
		t.Errorf("%d: %v", len(all), apitest.Column(all, "ray_id"))
	}
	apitest.Same(t, "a service", all[1],
		map[string]any{"action": "login", "allowed": false, "app_domain": "a.example.com", "app_uid": id.String(),
			"connection": "nonidentity", "created_at": "2026-03-01T12:28:00Z", "ip_address": "192.0.2.2", "ray_id": "ray28",
			"user_email": "",
			"x_reason":   "token_disabled", "x_action": "service", "x_policy_id": "", "x_service_token_id": token.String(),
			"x_client_id": "c.access",
			"x_user_id":   "", "x_idp_id": "", "x_device_id": "", "x_check_id": "", "x_posture": "", "x_country": "", "x_count": 4.0})
	for query, want := range map[string]int{
		"limit=1000": 30, "per_page=7": 7, "per_page=7&page=5": 2, "per_page=7&page=6": 0, "email=anna@": 20,
		"email=anna@example.com&email_exact=true": 20,
		"email=anna&email_exact=true":             0, "email=anna&emailOp=neq": 10, "email=anna@&emailOp=contains": 20,
		"user_id=" +
			person.String(): 20, "user_id=" + person.String() + "&user_idOp=neq": 10,
		"allowed=true": 10, "allowed=true&allowedOp=neq": 20, "non_identity=true": 20, "ray_id=ray7": 1, "app_uid=" +
			id.String(): 30, "app_type=saas": 0,
		"app_type=self_hosted": 30, "country_code=de": 10, "since=2026-03-01T12:10:00Z": 20,
		"until=2200-01-01T00:00:00Z":                                    30,
		"since=2026-03-01T12:10:00Z&until=2200-03-01T12:12:00Z&limit=5": 5,
	} {
		if !strings.Contains(query, "limit") && !strings.Contains(query, "per_page") {
			query += "&limit=100"
		}
		if got, _ := f.List(path + "?" + query); len(got) != want {
			t.Errorf("%s: %d, want %d", query, len(got), want)
		}
	}
	up, _ := f.List(path + "?direction=asc&limit=30")
	down, _ := f.List(path + "?limit=30")
	slices.Reverse(down)
	apitest.Same(t, "ascending", up, down)
	some, _ := f.List(path + "?limit=1&fields=ray_id,allowed,nothing")
	apitest.Same(t, "some members", some, []map[string]any{{"ray_id": "ray29", "allowed": false}})
	for _, bad := range []string{"limit=0", "direction=up", "since=x", "email_exact=x", "allowedOp=like",
		"allowedOp=contains", "emailOp=x", "page=999999999"} {
		f.WantError(400, v4.CodeInvalid, "GET", path+"?"+bad, nil)
	}
}

func TestAccessRequestsByCursor(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	apps := []proto.ID{proto.NewID(), proto.NewID()}
	token, device := proto.NewID(), proto.NewID()
	record := func(n int) {
		t.Helper()
		a := proto.Authentication{At: proto.At(f.Clock.Now()), Application: apps[n%2], Action: proto.ActionService,
			Ray: fmt.Sprint("ray", n), IP: "192.0.2.1", Reason: "service_auth", ClientID: "c.access"}
		if n%3 == 0 {
			a.TokenID, a.Device, a.Reason, a.Action = token, device, "posture_failed", proto.ActionRequest
		}
		if _, err := f.Conn.Publish(t.Context(),
			bus.Outgoing{Subject: topology.AccessLog(f.Account, a.Application), Body: &a}); err != nil {
			t.Fatal(err)
		}
	}
	const path = "/access/logs/access_requests?cursor="
	if all, info := f.List(path); len(all) != 0 || info["cursor"] != nil {
		t.Errorf("an empty log: %v, %v", all, info)
	}
	for n := range 20 {
		record(n)
	}
	read := func(query, cursor string) (rays []any, newest string) {
		for range 30 {
			some, info := f.List(path + cursor + query)
			if newest == "" {
				newest, _ = info["x_newest"].(string)
			}
			rays = append(rays, apitest.Column(some, "ray_id")...)
			if cursor, _ = info["cursor"].(string); cursor == "" {
				return rays, newest
			}
		}
		t.Errorf("%s: no end", query)
		return rays, newest
	}
	all, newest := read("&limit=100", "")
	if len(all) != 20 || all[0] != "ray19" || newest == "" {
		t.Fatalf("%v up to %s", all, newest)
	}
	for _, limit := range []string{"1", "3", "19", "20"} {
		paged, _ := read("&limit="+limit, "")
		apitest.Same(t, "pages of "+limit, paged, all)
	}
	up, _ := read("&limit=3&direction=asc", "")
	slices.Reverse(up)
	apitest.Same(t, "ascending", up, all)
	record(20)
	record(21)
	fresh, next := read("&direction=asc", newest)
	apitest.Same(t, "what is new", fresh, []any{"ray20", "ray21"})
	if none, same := read("&direction=asc", next); len(none) != 0 || same != next {
		t.Errorf("%v after the end, at %s and not %s", none, same, next)
	}
	for query, want := range map[string]int{
		"&x_service_token_id=" + token.String(): 8, "&x_device_id=" + device.String(): 8, "&x_action=service": 14,
		"&x_reason=posture_failed": 8, "&x_reason=posture_failed&x_reasonOp=neq": 14, "&ip_address=192.0.2.1": 22,
		"&ip_address=192.0.2.2": 0, "&x_client_id=c.access": 22, "&app_uid=" + apps[0].String(): 11,
		"&app_uidOp=neq&app_uid=" + apps[0].String(): 11,
	} {
		if got, _ := read(query+"&limit=4", ""); len(got) != want {
			t.Errorf("%s: %d, want %d", query, len(got), want)
		}
	}
	for _, bad := range []string{"x", "0", "5&page=2"} {
		f.WantError(400, v4.CodeInvalid, "GET", path+bad, nil)
	}
}
