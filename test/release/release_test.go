package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var archived = []file{
	{name: "plumb", content: []byte("binary"), executable: true},
	{name: "completions/_plumb", content: []byte("script")},
	{name: "LICENSE", content: []byte("terms")},
}

const wantNames = "d/LICENSE 644 terms,d/completions/_plumb 644 script,d/plumb 755 binary"

func TestTarHoldsTheFilesInOrder(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	packed, err := tarred("d", archived, at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := tarred("d", []file{archived[2], archived[0], archived[1]}, at)
	if err != nil || !bytes.Equal(packed, again) {
		t.Errorf("archives of the same files differ (%v)", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || !h.ModTime.Equal(at) {
			t.Errorf("%s: %v, %v", h.Name, h.ModTime, err)
		}
		got = append(got, entry(h.Name, h.FileInfo().Mode(), content))
	}
	if strings.Join(got, ",") != wantNames {
		t.Errorf("archive has %q", got)
	}
}

func TestZipHoldsTheFilesInOrder(t *testing.T) {
	packed, err := zipped("d", archived, time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Error(err)
		}
		got = append(got, entry(f.Name, f.Mode(), content))
	}
	if strings.Join(got, ",") != wantNames {
		t.Errorf("archive has %q", got)
	}
}

func entry(name string, mode os.FileMode, content []byte) string {
	perm := "644"
	if mode.Perm() == 0o755 {
		perm = "755"
	}
	return name + " " + perm + " " + string(content)
}

func TestAModuleWithoutALicenceIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := licencesIn("example.com/m", dir); err == nil ||
		!strings.Contains(err.Error(), "example.com/m has no licence") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"LICENSE-MIT", "NOTICE", "licenses.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := licencesIn("example.com/m", dir)
	if err != nil || len(found) != 2 || found[0].name != "licences/example.com/m/LICENSE-MIT" {
		t.Errorf("%+v, %v", found, err)
	}
}

// The archive has a licence for every module of plumb, on every platform.
func TestEveryModuleHasALicence(t *testing.T) {
	t.Chdir("../..")
	for _, p := range platforms {
		files, err := licenceFiles(t.Context(), p)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		var names []string
		for _, f := range files {
			names = append(names, f.name)
		}
		all := strings.Join(names, "\n")
		for _, want := range []string{"LICENSE", "licences/go/LICENSE", "licences/github.com/nats-io/nats.go/LICENSE"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no %s among %d files", p, want, len(files))
			}
		}
	}
}
