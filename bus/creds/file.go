package creds

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// responseTime is how long a service may take to answer a request. A probe has to wait for a scoring API.
const responseTime = 2 * time.Minute

// WriteSecret atomically writes a file readable only by its owner. It creates missing directories with mode 0700.
func WriteSecret(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // created with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
