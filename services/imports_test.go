package services_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Types of the NATS client stay in the module bus: services use its connection, headers and errors. The exceptions
// administer streams or report their sizes. Tests may use a raw client, to send what no service would send.
func TestServicesDoNotImportTheNATSClient(t *testing.T) {
	const client = "github.com/nats-io/nats.go"
	exceptions := []string{
		"internal/busload/busload.go",    // metrics of streams and consumers
		"internal/storecheck/recover.go", // recreates a damaged stream
		"internal/storecheck/streams.go", // lists the lost messages of a stream
	}
	var found []string
	read := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		slashed := filepath.ToSlash(path)
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasPrefix(slashed, "api/apitest/") {
			return err
		}
		read++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if name == client || strings.HasPrefix(name, client+"/") {
				found = append(found, slashed)
				break
			}
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Fatalf("read %d files: %v", read, err)
	}
	slices.Sort(found)
	if !slices.Equal(found, exceptions) {
		t.Errorf("files that import %s: %v, want %v", client, found, exceptions)
	}
}
