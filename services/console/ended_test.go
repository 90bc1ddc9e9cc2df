package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/console"
	"plumbline.dev/services/console/session"
)

// A session ends with its time, and with its API token: then the next page is the login, which says so.
func TestASessionEnds(t *testing.T) {
	for name, end := range map[string]func(*apitest.Fixture, string){
		"time": func(f *apitest.Fixture, _ string) { f.Clock.Advance(session.Idle) },
		"token": func(f *apitest.Fixture, id string) {
			f.Want(http.StatusOK, http.MethodDelete, "/tokens/"+id, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := apitest.Start(t)
			made := f.Want(http.StatusOK, http.MethodPost, "/tokens", f.TokenBody("console", apitest.ReadApps))
			b, service := frontOf(t, f)
			asks := b.get(t, service.Link(apitest.Text(made, "value"))).Has(http.StatusOK)
			form := asks.Form("/login/use")
			b.post(t, "/login/use", form).Has(http.StatusSeeOther)
			b.get(t, "/applications").Has(http.StatusOK, "Applications")
			b.post(t, "/login/use", form).Has(http.StatusGone)
			end(f, apitest.Text(made, "id"))
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			bustest.Eventually(t, "the session ended", func() bool {
				p := b.get(t, "/applications")
				return p.Status == http.StatusSeeOther && strings.HasPrefix(p.Header.Get("Location"), "/login?ended=1")
			})
		})
	}
}

// A member is denied with the next request once they are removed.
func TestARemovedMemberIsDenied(t *testing.T) {
	f := apitest.Start(t, apitest.WithConsole)
	members := f.StartConsole()
	b, _ := frontOf(t, f)
	ron := visitor{b.at, members.Member("ron@example.com", permission.Roles[2].ID)}
	ron.get(t, "/applications").Has(http.StatusOK)
	id := topology.MemberID(f.Account, "ron@example.com").String()
	f.Want(http.StatusOK, http.MethodDelete, "/members/"+id, nil)
	bustest.Eventually(t, "the member is denied", func() bool {
		return ron.get(t, "/applications").Status == http.StatusForbidden
	})
}

// A person whose login the gateway's bucket does not have any more has no session.
func TestARevokedLoginIsDenied(t *testing.T) {
	f := apitest.Start(t, apitest.WithConsole)
	members := f.StartConsole()
	b, _ := frontOf(t, f)
	members.Member("eve@example.com", permission.Roles[2].ID)
	login := members.Login("eve@example.com")
	eve := visitor{b.at, members.Sign(members.Claims(login))}
	eve.get(t, "/applications").Has(http.StatusOK)
	bus, key := f.Bus.Conn(topology.Operator), topology.SessionKey(f.Account, login.Nonce)
	revision, err := bus.Get(t.Context(), topology.Sessions, key, new(proto.Session))
	must(t, err)
	must(t, bus.Delete(t.Context(), topology.Sessions, key, revision))
	bustest.Eventually(t, "the session is denied", func() bool {
		p := eve.get(t, "/applications")
		return p.Status == http.StatusSeeOther && strings.HasPrefix(p.Header.Get("Location"), "/login")
	})
}

// frontOf serves a console of a fixture, to a browser without a session.
func frontOf(t *testing.T, f *apitest.Fixture) (browser, *console.Service) {
	t.Helper()
	api := httptest.NewServer(f.Handler)
	t.Cleanup(api.Close)
	service, at := serve(t, api.URL, f.Clock)
	return newBrowser(t, at), service
}
