package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/registry"
)

// withRegistry runs a registry beside the api.
func (y *system) withRegistry() {
	y.t.Helper()
	s, err := registry.New(registry.Config{}, registry.Deps{Bus: y.bus.Conn(topology.Registry), Log: bustest.Log(y.t), Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		y.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	y.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			y.t.Errorf("the registry ended with %v", err)
		}
	})
}

func (y *system) importAs(kind, list string) response {
	y.t.Helper()
	return y.importFrom(kind, strings.NewReader(list))
}

func (y *system) importFrom(kind string, list io.Reader) response {
	y.t.Helper()
	req := y.request("POST", y.path("/plumbline/devices"), list)
	req.Header.Set("Content-Type", kind)
	return y.raw(req)
}

func (y *system) imported(kind, list string) device.Imported {
	y.t.Helper()
	r := y.importAs(kind, list)
	if r.Status != 200 {
		y.t.Fatalf("import: %d %s", r.Status, r.Body)
	}
	var i device.Imported
	if err := json.Unmarshal(r.Result, &i); err != nil {
		y.t.Fatal(err)
	}
	if i.Rows != i.Enrolled+i.Updated+i.Unchanged+i.Refused {
		y.t.Errorf("%+v: the rows are not all accounted for", i)
	}
	return i
}

func TestImport(t *testing.T) {
	y := start(t)
	y.withRegistry()
	first, second := proto.NewID(), proto.NewID()
	list := "\ufeffserial_number,device_id,hostname,email\r\n" +
		fmt.Sprintf("SHARED-1,%s,\"büro, \"\"links\"\"\",anna@example.com\r\n", first) +
		fmt.Sprintf("SHARED-1,%s,,\r\n", second) +
		"ALONE-1,,laptop,\n" +
		"TWICE-1,,,\n" +
		"None,,,\n" +
		"TWICE-1,,,\n" +
		",,nothing,\n" +
		"SHARED-1,,,\n" +
		"X,not-a-uuid,,\n" +
		"too,few\n" +
		"\n" +
		"LAST-1,,,"
	got := y.imported("text/csv; charset=utf-8", list)
	want := device.Imported{Rows: 11, Enrolled: 4, Refused: 7}
	codes := map[int]string{5: "serial_twice", 6: "serial_unusual", 7: "serial_twice", 8: "no_id", 9: "serial_twice", 10: "invalid_id", 11: "malformed"}
	for _, e := range got.Errors {
		if codes[e.Line] != e.Code {
			t.Errorf("line %d: %s %s", e.Line, e.Code, e.Message)
		}
		delete(codes, e.Line)
	}
	got.Errors = nil
	if d := cmp.Diff(want, got); d != "" || len(codes) > 0 {
		t.Fatalf("%s, not refused: %v", d, codes)
	}

	d := y.want(200, "GET", "/plumbline/devices/"+first.String(), nil)
	if d["hostname"] != `büro, "links"` || d["serial_number"] != "SHARED-1" || d["email"] != "anna@example.com" || d["page"] != 0.0 {
		t.Errorf("device %v", d)
	}
	derived := proto.DeriveID(y.account, "ALONE-1")
	if d := y.want(200, "GET", "/plumbline/devices/"+derived.String(), nil); d["hostname"] != "laptop" {
		t.Errorf("derived device %v", d)
	}

	again := y.imported("application/x-ndjson", fmt.Sprintf("{\"device_id\":%q,\"serial_number\":\"SHARED-1\",\"hostname\":null}\n{\"serial_number\":\"ALONE-1\",\"hostname\":\"laptop\"}\n{\"serialnumber\":\"x\"}", first))
	if again.Updated != 1 || again.Unchanged != 1 || again.Refused != 1 || again.Errors[0].Line != 3 {
		t.Errorf("the second import: %+v", again)
	}
	if d := y.want(200, "GET", "/plumbline/devices/"+first.String(), nil); d["hostname"] != "" {
		t.Errorf("a row replaces what is known: %v", d)
	}

	twice := y.imported("application/json", fmt.Sprintf(`[{"device_id":%q,"hostname":"one"},{"device_id":%[1]q,"hostname":"two"}]`, second))
	if twice.Updated != 1 || twice.Refused != 1 || twice.Errors[0].Code != "id_twice" || twice.Errors[0].Device != second.String() {
		t.Errorf("a device in two rows: %+v", twice)
	}
	if d := y.want(200, "GET", "/plumbline/devices/"+second.String(), nil); d["hostname"] != "one" {
		t.Errorf("the first row stands: %v", d)
	}

	if got := y.want(200, "DELETE", "/plumbline/devices/"+first.String(), nil); got["id"] != first.String() {
		t.Errorf("deleted %v", got)
	}
	y.refused(404, v4.CodeNotFound, "DELETE", "/plumbline/devices/"+first.String(), nil)
	y.refused(404, v4.CodeNotFound, "GET", "/plumbline/devices/"+first.String(), nil)
	y.refused(404, v4.CodeNotFound, "GET", "/plumbline/devices/nothing", nil)
}

func TestALargeImportIsStreamed(t *testing.T) {
	y := start(t)
	y.withRegistry()
	const n = 25_300
	r, w := io.Pipe()
	go func() {
		for i := range n {
			id := ""
			if i%3 > 0 {
				id = proto.DeriveID(proto.Account{1}, fmt.Sprint(i)).String()
			}
			fmt.Fprintf(w, `{"device_id":%q,"serial_number":"S-%d"}`+"\n", id, i)
		}
		w.Close()
	}()
	resp := y.importFrom("application/x-ndjson", r)
	var got device.Imported
	if err := json.Unmarshal(resp.Result, &got); err != nil || got.Enrolled != n || got.Rows != n {
		t.Fatalf("%d %s", resp.Status, resp.Body)
	}
	pages := 0
	for y.do("GET", fmt.Sprintf("/plumbline/results/pages/%d", pages), nil).Status == 200 {
		pages++
	}
	if pages != 26 {
		t.Errorf("%d pages", pages)
	}
}

func TestImportsThatCannotBeRead(t *testing.T) {
	y := start(t, func(c *Config) { c.answerTimeout = 1 })
	for _, c := range []struct {
		name, kind, list string
		status, code     int
		says             string
	}{
		{"no type", "", "x", 415, v4.CodeMediaType, "text/csv"},
		{"text", "text/plain", "[]", 415, v4.CodeMediaType, "application/x-ndjson"},
		{"another charset", "text/csv; charset=latin1", "device_id", 415, v4.CodeMediaType, "UTF-8"},
		{"empty", "text/csv", "", 400, v4.CodeInvalid, "header line"},
		{"semicolons", "text/csv", "device_id;email\n", 400, v4.CodeInvalid, "commas"},
		{"unknown column", "text/csv", "device_id,e-mail\n", 400, v4.CodeInvalid, "device_id, email, serial_number, mac_address, virtual_ipv4, hostname"},
		{"no key", "text/csv", "email\na@example.com", 400, v4.CodeInvalid, "neither device_id nor serial_number"},
		{"nobody answers", "text/csv", "serial_number\nS1", 503, v4.CodeUnavailable, "registry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := y.importAs(c.kind, c.list)
			if r.Status != c.status || r.Errors[0].Code != c.code || !strings.Contains(r.Errors[0].Message, c.says) {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	broken := y.importFrom("text/csv", io.MultiReader(strings.NewReader("serial_number\nA"), brokenReader{}))
	if broken.Status != 400 || !strings.Contains(broken.Errors[0].Message, "the list is incomplete") {
		t.Errorf("a connection that breaks: %d %s", broken.Status, broken.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A registry that cannot take a command says so: no row of it counts as done.
func TestAnImportIntoADamagedInventory(t *testing.T) {
	y := start(t)
	y.withRegistry()
	key := topology.BucketSubject(topology.Devices, topology.PageKey(y.account, 0))
	if _, err := y.bus.Conn(topology.Operator).JetStream().Publish(t.Context(), key, []byte("not a page")); err != nil {
		t.Fatal(err)
	}
	id := proto.NewID().String()
	i := y.imported("text/csv", "device_id,hostname\n"+proto.NewID().String()+",a\n"+id+",b\n"+id+",again\n")
	if i.Refused != 3 || len(i.Errors) != 3 || i.Errors[2].Code != "id_twice" || i.Errors[0].Code != "inventory_damaged" || i.Errors[0].Line != 2 {
		t.Errorf("%+v", i)
	}
	y.refused(409, v4.CodeConflict, "DELETE", "/plumbline/devices/"+proto.NewID().String(), nil)
}

// A client that asks is told how many rows are handled while it still sends.
func TestImportTellsItsProgress(t *testing.T) {
	y := start(t)
	y.withRegistry()
	server := httptest.NewServer(y.handler)
	defer server.Close()
	r, w := io.Pipe()
	defer w.Close()
	told := make(chan string, 100)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
		told <- h.Get(device.HeaderProgress)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/client/v4/accounts/"+y.account.String()+"/plumbline/devices", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bootstrap)
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set(device.HeaderProgress, "1")
	answered := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 200 || resp.Header.Get(device.HeaderProgress) != "" {
				err = fmt.Errorf("%s %v", resp.Status, resp.Header)
			}
		}
		answered <- err
	}()
	_, _ = io.WriteString(w, "device_id\n")
	sent := 0
	for rows := ""; rows == ""; {
		_, _ = fmt.Fprintf(w, "%s\n", proto.NewID())
		if sent++; sent%device.RowsPerCommand != 0 {
			continue
		}
		select {
		case rows = <-told:
		case err := <-answered:
			t.Fatal(err)
		default:
		}
	}
	w.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
