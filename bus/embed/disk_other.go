//go:build !linux && !darwin && !windows

package embed

import "errors"

// volumeSize returns an error: the size of a file system is not known here.
func volumeSize(string) (int64, error) { return 0, errors.ErrUnsupported }
