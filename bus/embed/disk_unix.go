//go:build linux || darwin

package embed

import "syscall"

// volumeSize returns the size of a directory's file system in bytes.
func volumeSize(dir string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return int64(disk.Blocks) * int64(disk.Bsize), nil
}
