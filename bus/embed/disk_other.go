//go:build !linux && !darwin && !windows

package embed

import "errors"

// volumeSize returns an error: this system does not report the size of a file system.
func volumeSize(string) (int64, error) { return 0, errors.ErrUnsupported }
