//go:build !unix

package openfiles

func softLimit() (uint64, bool) { return 0, false }
