package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The NATS client stays in the module bus: services use the methods of its connection, and import and call no other
// client. The exceptions administer streams or report their sizes. Tests may use a raw client, to send what no service
// would send.
func TestServicesDoNotUseTheNATSClient(t *testing.T) {
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
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
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
				return nil
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"JetStream", "JetStreamOf", "NATS"}, method.Sel.Name) {
				t.Errorf("%s calls %s", slashed, method.Sel.Name)
			}
			return true
		})
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
