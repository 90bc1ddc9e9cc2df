package api

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
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// changeToken changes a stored API token.
func (y *system) changeToken(value string, change func(*proto.APIToken)) {
	y.t.Helper()
	t, key := new(proto.APIToken), topology.APITokenKey(y.account, credential.Hash(value))
	revision, err := y.conn.Get(y.t.Context(), topology.Tokens, key, t)
	if err != nil {
		y.t.Fatal(err)
	}
	change(t)
	if _, err := y.conn.Put(y.t.Context(), topology.Tokens, key, t, revision); err != nil {
		y.t.Fatal(err)
	}
}

// endings are the ways in which a token stops being good for what it was used for.
var endings = []struct {
	name string
	end  func(y *system, token string)
}{
	{"deleted", func(y *system, token string) {
		key := topology.APITokenKey(y.account, credential.Hash(token))
		revision, err := y.conn.Get(y.t.Context(), topology.Tokens, key, new(proto.APIToken))
		if err == nil {
			err = y.conn.Delete(y.t.Context(), topology.Tokens, key, revision)
		}
		if err != nil {
			y.t.Fatal(err)
		}
	}},
	{"disabled", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.Disabled = true })
	}},
	{"narrowed", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.Policies[0].Groups = []string{groupID("Access: Device Posture Read")} })
	}},
	{"denied", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) {
			t.Policies = append(t.Policies, proto.TokenPolicy{ID: proto.NewID(), Deny: true, Groups: t.Policies[0].Groups})
		})
	}},
	{"limited to a zone", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{proto.NewAccount()} })
	}},
	{"expired", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.ExpiresAt = proto.At(y.clock.Now()) + 500 })
	}},
	{"bound to another address", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.AllowFrom = []string{"198.51.100.0/24"} })
	}},
	{"denied from this address", func(y *system, token string) {
		y.changeToken(token, func(t *proto.APIToken) { t.DenyFrom = []string{"127.0.0.0/8", "192.0.2.0/24"} })
	}},
}

func groupID(name string) string {
	for _, g := range permission.Groups {
		if g.Name == name {
			return g.ID
		}
	}
	panic("no permission group is named " + name)
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	f := fleet(t)
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			token := f.token(nil, groupID("Posture Results Read"))
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+f.api.Addr()+f.path("/plumbline/results/stream"), nil)
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
			// A token that stays as it is keeps its stream.
			for range 3 {
				f.clock.Advance(v4.RecheckEvery)
			}
			select {
			case got := <-rest:
				t.Fatalf("the stream ended: %s", got)
			default:
			}
			c.end(f.system, token)
			var got string
			bustest.Eventually(t, "the stream ends", func() bool {
				f.clock.Advance(v4.RecheckEvery)
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
	if !strings.Contains(f.log.String(), "its API token lost the permission") {
		t.Error("the end of a stream is not in the log")
	}
}

// An import stops with its token; what it did is counted, told to the client and in the audit log.
func TestImportsEndWithTheirToken(t *testing.T) {
	y := start(t)
	y.withRegistry()
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			y.t = t
			y.emptyAudit()
			token := y.token(nil, groupID("Devices Write"))
			r, w := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+y.api.Addr()+y.path("/plumbline/devices"), r)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/x-ndjson")
			answers := make(chan response, 1)
			go func() {
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					answers <- response{}
					return
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				got := response{Status: resp.StatusCode, Body: body}
				_ = json.Unmarshal(body, &got)
				answers <- got
			}()
			for i := range device.RowsPerCommand {
				fmt.Fprintf(w, `{"device_id":%q}`+"\n", proto.DeriveID(y.account, fmt.Sprint(c.name, i)))
			}
			bustest.Eventually(t, "the first rows are enrolled", func() bool {
				_, found := y.api.device.Inventory.PageOf(y.account, proto.DeriveID(y.account, fmt.Sprint(c.name, 0)))
				return found
			})
			c.end(y, token) // the client says no more, and waits
			var got response
			bustest.Eventually(t, "the import ends", func() bool {
				y.clock.Advance(v4.RecheckEvery)
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
				return strings.Contains(jsonText(t, y.trailOf(y.account)), `"enrolled":1000`)
			})
		})
	}
}
