//go:build !unix

package creds

import "os"

// lock only creates the directory. On these systems, only one process at a time may change an authority.
func lock(dir string) (unlock func(), err error) {
	return func() {}, os.MkdirAll(dir, 0o700)
}
