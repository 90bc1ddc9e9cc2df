//go:build !unix

package direct

import "errors"

// able is false where a connection cannot be looked at.
const able = false

func nothingToRead(uintptr) error { return errors.ErrUnsupported }
