package apitoken_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// changeToken changes a stored API token.
func changeToken(f *apitest.Fixture, value string, change func(*proto.APIToken)) {
	f.T.Helper()
	t, key := new(proto.APIToken), topology.APITokenKey(f.Account, credential.Hash(value))
	revision, err := f.Conn.Get(f.T.Context(), topology.Tokens, key, t)
	if err != nil {
		f.T.Fatal(err)
	}
	change(t)
	if _, err := f.Conn.Put(f.T.Context(), topology.Tokens, key, t, revision); err != nil {
		f.T.Fatal(err)
	}
}

// endings are the ways for a token to lose its permission.
var endings = []struct {
	name string
	end  func(f *apitest.Fixture, token string)
}{
	{"deleted", func(f *apitest.Fixture, token string) {
		key := topology.APITokenKey(f.Account, credential.Hash(token))
		revision, err := f.Conn.Get(f.T.Context(), topology.Tokens, key, new(proto.APIToken))
		if err == nil {
			err = f.Conn.Delete(f.T.Context(), topology.Tokens, key, revision)
		}
		if err != nil {
			f.T.Fatal(err)
		}
	}},
	{"disabled", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) { t.Disabled = true })
	}},
	{"narrowed", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) {
			t.Policies[0].Groups = []string{apitest.GroupID("Access: Device Posture Read")}
		})
	}},
	{"denied", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) {
			t.Policies = append(t.Policies, proto.TokenPolicy{ID: proto.NewID(), Deny: true, Groups: t.Policies[0].Groups})
		})
	}},
	{"limited to a zone", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{proto.NewAccount()} })
	}},
	{"expired", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) { t.ExpiresAt = proto.At(f.Clock.Now()) + 500 })
	}},
	{"bound to another address", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) { t.AllowFrom = []string{"198.51.100.0/24"} })
	}},
	{"denied from this address", func(f *apitest.Fixture, token string) {
		changeToken(f, token, func(t *proto.APIToken) { t.DenyFrom = []string{"127.0.0.0/8", "192.0.2.0/24"} })
	}},
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			f := f.In(t)
			token := f.StoreToken(nil, apitest.GroupID("Posture Results Read"))
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+f.API.Addr()+
				f.Path("/plumbline/results/stream"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() && lines.Text() != "event: ready" {
			}
			rest := make(chan string, 1)
			go func() {
				var all []string
				for lines.Scan() {
					all = append(all, lines.Text())
				}
				rest <- strings.Join(all, "\n")
			}()
			// An unchanged token keeps its stream.
			for range 3 {
				f.Clock.Advance(v4.RecheckEvery)
			}
			select {
			case got := <-rest:
				t.Fatalf("the stream ended: %s", got)
			default:
			}
			c.end(f.Fixture, token)
			var got string
			bustest.Eventually(t, "the stream ends", func() bool {
				f.Clock.Advance(v4.RecheckEvery)
				select {
				case got = <-rest:
					return true
				default:
					return false
				}
			})
			if !strings.Contains(got, "event: end\ndata: {\"reason\":") {
				t.Errorf("the stream ended with %q", got)
			}
		})
	}
	if !strings.Contains(f.Log.String(), "its API token lost the permission") {
		t.Error("the end of a stream is not in the log")
	}
}

// TestImportsEndWithTheirToken checks that an import stops when its token loses the permission, and that the client and
// the audit log get the counts.
func TestImportsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			f := f.In(t)
			f.PurgeAudit()
			token := f.StoreToken(nil, apitest.GroupID("Devices Write"))
			r, w := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+f.API.Addr()+f.Path("/plumbline/devices"),
				r)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/x-ndjson")
			answers := make(chan apitest.Response, 1)
			go func() {
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					answers <- apitest.Response{}
					return
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				got := apitest.Response{Status: resp.StatusCode, Body: body}
				_ = json.Unmarshal(body, &got)
				answers <- got
			}()
			for i := range 1000 { // as many as a command to the registry has
				fmt.Fprintf(w, `{"device_id":%q}`+"\n", proto.DeriveID(f.Account, fmt.Sprint(c.name, i)))
			}
			bustest.Eventually(t, "the first rows are enrolled", func() bool {
				first := proto.DeriveID(f.Account, fmt.Sprint(c.name, 0))
				return f.Do("GET", "/plumbline/devices/"+first.String(), nil).Status == 200
			})
			c.end(f, token) // the client sends no more rows, and waits
			var got apitest.Response
			bustest.Eventually(t, "the import ends", func() bool {
				f.Clock.Advance(v4.RecheckEvery)
				select {
				case got = <-answers:
					return true
				default:
					return false
				}
			})
			w.Close()
			if got.Status != 403 || !strings.Contains(string(got.Body), "1000 devices were enrolled") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			bustest.Eventually(t, "the audit log has the import", func() bool {
				return strings.Contains(apitest.JSON(t, f.Events()), `"enrolled":1000`)
			})
		})
	}
}
