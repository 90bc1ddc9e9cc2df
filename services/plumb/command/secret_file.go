package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"plumbline.dev/bus/creds"
)

// reservation is a new file, of mode 0600, that waits for a secret which is told once. It is made before the secret
// is: on a disk that cannot be written, nothing is created whose secret would be lost.
type reservation struct {
	path string // "": there is no file
	kept bool
}

// placeholder is as long as any secret that is written.
var placeholder = make([]byte, 1024)

// reserve makes the file, which must not be there yet; flag names it in an error.
func reserve(path, flag string) (*reservation, error) {
	if path == "" {
		return &reservation{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: name a new file with %s", path, flag)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(placeholder)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &reservation{path: path}, nil
}

// keep writes the secret.
func (r *reservation) keep(secret string) error {
	if err := creds.WriteSecret(r.path, []byte(secret+"\n")); err != nil {
		return err
	}
	r.kept = true
	return nil
}

// release removes the file if no secret was kept in it.
func (r *reservation) release() {
	if r.path != "" && !r.kept {
		os.Remove(r.path)
	}
}
