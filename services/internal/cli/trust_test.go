package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"plumbline.dev/services/internal/egress"
)

// A server of a private authority is trusted if its authority is in the file of --trusted-ca, and only then.
func TestTrustedCA(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		trusted bool
	}{{nil, false}, {[]string{"--trusted-ca", file}, true}} {
		var flags struct{ Trust }
		if _, err := newParser(App{Name: "test"}, &flags).Parse(c.args); err != nil {
			t.Fatal(err)
		}
		client, err := egress.New(egress.Config{RootCAs: flags.Roots()})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(server.URL)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.trusted {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	for _, args := range [][]string{{"--trusted-ca", file + "x"}, {"--trusted-ca", os.Args[0]}} {
		var flags struct{ Trust }
		if _, err := newParser(App{Name: "test"}, &flags).Parse(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
