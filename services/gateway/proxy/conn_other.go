//go:build !unix

package proxy

// readable is not available here: net/http notices a closed connection at its next read.
func readable(uintptr) bool { return false }
