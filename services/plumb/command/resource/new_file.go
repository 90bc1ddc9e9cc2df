package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"plumbline.dev/bus/creds"
)

// NewFile is a new file, with mode 0600, for a secret that the control plane returns only once. It is created and
// filled before the request, so that a full or read-only disk fails the command before the secret exists.
type NewFile struct {
	Path string // empty if no file was asked for
	kept bool
}

// placeholder is as long as any secret that is written.
var placeholder = make([]byte, 1024)

// Reserve creates the file. If it exists already, the error names the flag.
func Reserve(path, flag string) (*NewFile, error) {
	if path == "" {
		return &NewFile{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s already exists: name a new file with %s", path, flag)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(placeholder)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &NewFile{Path: path}, nil
}

// Keep writes the secret to the file.
func (r *NewFile) Keep(secret string) error {
	if err := creds.WriteSecret(r.Path, []byte(secret+"\n")); err != nil {
		return err
	}
	r.kept = true
	return nil
}

// Release removes the file unless [NewFile.Keep] has written a secret to it.
func (r *NewFile) Release() {
	if r.Path != "" && !r.kept {
		os.Remove(r.Path)
	}
}
