package topology_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Whoever adds a kind of key adds its pattern: tests write garbage under each.
func TestEveryKindOfKeyHasAPattern(t *testing.T) {
	a, id := proto.NewAccount(), proto.NewID()
	service, err1 := topology.ServiceTokenKey(a, strings.Repeat("0", 32)+".access")
	seen, err2 := topology.TokenSeenKey(a, strings.Repeat("0", 32)+".access")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	keys := map[string]struct{ bucket, key string }{
		"PageKey": {topology.Devices, topology.PageKey(a, 7)}, "CursorKey": {topology.Devices, topology.CursorKey},
		"ConfigKey":       {topology.Config, topology.ConfigKey(a, topology.KindTag, id)},
		"ServiceTokenKey": {topology.Tokens, service}, "TokenSeenKey": {topology.TokenUses, seen},
		"APITokenKey": {topology.Tokens, topology.APITokenKey(a, make([]byte, 32))}, "APITokenUsedKey": {topology.Tokens, topology.APITokenUsedKey(a, id)},
		"SigningKeyKey": {topology.Keys, topology.SigningKeyKey(7)}, "RotationKey": {topology.Keys, topology.RotationKey},
		"EntryKeyKey": {topology.EntryKeys, topology.EntryKeyKey(7)},
		"SessionKey":  {topology.Sessions, topology.SessionKey(a, "n")}, "UserKey": {topology.Sessions, topology.UserKey(a, id)},
		"HoldKey":            {topology.Holds, topology.HoldKey(a, id, id)},
		"PolicyTestKey":      {topology.PolicyTests, topology.PolicyTestKey(a, id)},
		"PolicyTestUsersKey": {topology.PolicyTests, topology.PolicyTestUsersKey(a, id, 7)},
		"DeliveryKey":        {topology.Deliveries, topology.DeliveryKey(a, id)},
		"UsedKey":            {topology.Sessions, topology.UsedKey(a, [32]byte{})},
	}
	names, kinds := declared(t)
	for _, name := range names {
		k, known := keys[name]
		if !known {
			t.Errorf("%s makes a key that has no pattern: add it to KeyPatterns, and here", name)
			continue
		}
		matching := 0
		for _, p := range topology.KeyPatterns(k.bucket) {
			if topology.Includes(p, k.key) {
				matching++
			}
		}
		if matching != 1 {
			t.Errorf("%s: %d patterns of %s match %s, want 1", name, matching, k.bucket, k.key)
		}
	}
	if kinds != len(topology.Kinds()) {
		t.Errorf("there are %d constants of kinds, and Kinds has %d", kinds, len(topology.Kinds()))
	}
	for _, b := range topology.Buckets() {
		if len(topology.KeyPatterns(b)) == 0 {
			t.Errorf("bucket %s has no patterns", b)
		}
	}
}

// declared returns the functions and constants of this package that are called ...Key, and counts the kinds.
func declared(t *testing.T) (names []string, kinds int) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names = append(names, d.Name.Name)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					v, ok := s.(*ast.ValueSpec)
					if !ok || d.Tok != token.CONST {
						continue
					}
					names = append(names, v.Names[0].Name)
					if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Kind" {
						kinds++
					}
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !ast.IsExported(name) || !strings.HasSuffix(name, "Key") || strings.HasPrefix(name, "Parse") ||
			strings.HasPrefix(name, "Is")
	}), kinds
}
