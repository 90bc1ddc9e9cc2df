package device_test

import (
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
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
)

func TestImport(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
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
	got := f.Import("text/csv; charset=utf-8", list)
	want := device.Imported{Rows: 11, Enrolled: 4, Refused: 7}
	codes := map[int]string{5: "serial_twice", 6: "serial_unusual", 7: "serial_twice", 8: "no_id", 9: "serial_twice",
		10: "invalid_id", 11: "malformed"}
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

	d := f.Want(200, "GET", "/plumbline/devices/"+first.String(), nil)
	if d["hostname"] != `büro, "links"` || d["serial_number"] != "SHARED-1" || d["email"] != "anna@example.com" ||
		d["page"] != 0.0 {
		t.Errorf("device %v", d)
	}
	derived := proto.DeriveID(f.Account, "ALONE-1")
	if d := f.Want(200, "GET", "/plumbline/devices/"+derived.String(), nil); d["hostname"] != "laptop" {
		t.Errorf("derived device %v", d)
	}

	again := f.Import("application/x-ndjson",
		fmt.Sprintf("{\"device_id\":%q,\"serial_number\":\"SHARED-1\","+
			"\"hostname\":null}\n{\"serial_number\":\"ALONE-1\",\"hostname\":\"laptop\"}\n{\"serialnumber\":\"x\"}", first))
	if again.Updated != 1 || again.Unchanged != 1 || again.Refused != 1 || again.Errors[0].Line != 3 {
		t.Errorf("the second import: %+v", again)
	}
	if d := f.Want(200, "GET", "/plumbline/devices/"+first.String(), nil); d["hostname"] != "" {
		t.Errorf("a row replaces what is known: %v", d)
	}

	twice := f.Import("application/json",
		fmt.Sprintf(`[{"device_id":%q,"hostname":"one"},{"device_id":%[1]q,"hostname":"two"}]`, second))
	if twice.Updated != 1 || twice.Refused != 1 || twice.Errors[0].Code != "id_twice" ||
		twice.Errors[0].Device != second.String() {
		t.Errorf("a device in two rows: %+v", twice)
	}
	if d := f.Want(200, "GET", "/plumbline/devices/"+second.String(), nil); d["hostname"] != "one" {
		t.Errorf("the first row stands: %v", d)
	}

	if got := f.Want(200, "DELETE", "/plumbline/devices/"+first.String(), nil); got["id"] != first.String() {
		t.Errorf("deleted %v", got)
	}
	f.WantError(404, v4.CodeNotFound, "DELETE", "/plumbline/devices/"+first.String(), nil)
	f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/devices/"+first.String(), nil)
	f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/devices/nothing", nil)
}

func TestLargeImport(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
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
	resp := f.SendImport("application/x-ndjson", r)
	var got device.Imported
	if err := json.Unmarshal(resp.Result, &got); err != nil || got.Enrolled != n || got.Rows != n {
		t.Fatalf("%d %s", resp.Status, resp.Body)
	}
	pages := 0
	for f.Do("GET", fmt.Sprintf("/plumbline/results/pages/%d", pages), nil).Status == 200 {
		pages++
	}
	if pages != 26 {
		t.Errorf("%d pages", pages)
	}
}

func TestInvalidImportsAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
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
		{"unknown column", "text/csv", "device_id,e-mail\n", 400, v4.CodeInvalid,
			"device_id, email, serial_number, mac_address, virtual_ipv4, hostname"},
		{"no key", "text/csv", "email\na@example.com", 400, v4.CodeInvalid, "neither device_id nor serial_number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.SendImport(c.kind, strings.NewReader(c.list))
			if r.Status != c.status || r.Errors[0].Code != c.code || !strings.Contains(r.Errors[0].Message, c.says) {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	broken := f.SendImport("text/csv", io.MultiReader(strings.NewReader("serial_number\nA"), brokenReader{}))
	if broken.Status != 400 || !strings.Contains(broken.Errors[0].Message, "the list is incomplete") {
		t.Errorf("a connection that breaks: %d %s", broken.Status, broken.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestImportIntoADamagedInventory checks that the rows of a command that the registry rejects count as rejected.
func TestImportIntoADamagedInventory(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	key := topology.BucketSubject(topology.Devices, topology.PageKey(f.Account, 0))
	if _, err := f.Bus.Conn(topology.Operator).JetStream().Publish(t.Context(), key, []byte("not a page")); err != nil {
		t.Fatal(err)
	}
	id := proto.NewID().String()
	i := f.Import("text/csv", "device_id,hostname\n"+proto.NewID().String()+",a\n"+id+",b\n"+id+",again\n")
	if i.Refused != 3 || len(i.Errors) != 3 || i.Errors[2].Code != "id_twice" ||
		i.Errors[0].Code != "inventory_damaged" || i.Errors[0].Line != 2 {
		t.Errorf("%+v", i)
	}
	f.WantError(409, v4.CodeConflict, "DELETE", "/plumbline/devices/"+proto.NewID().String(), nil)
}

// TestImportProgress checks that a client that asks for it learns the number of processed rows while it sends.
func TestImportProgress(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	server := httptest.NewServer(f.Handler)
	defer server.Close()
	r, w := io.Pipe()
	defer w.Close()
	told := make(chan string, 100)
	ctx := httptrace.WithClientTrace(t.Context(),
		&httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			told <- h.Get(device.HeaderProgress)
			return nil
		}})
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/client/v4/accounts/"+f.Account.String()+
		"/plumbline/devices", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
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
