package embed

import (
	"errors"
	"io/fs"
	"path/filepath"

	"plumbline.dev/bus/topology"
)

// LogMaxBytes returns the bound of POSTURE_LOG on this machine in bytes: the default, or a quarter of the size of
// dir's disk if this is smaller.
func LogMaxBytes(dir string) int64 {
	size, err := diskSize(dir)
	if err != nil {
		return topology.DefaultLogMaxBytes
	}
	return min(topology.DefaultLogMaxBytes, size/4)
}

// otherStreams is an upper limit for the bounds of all streams except POSTURE_LOG, in bytes.
const otherStreams = 1 << 30

// maxStore returns the limit for the sum of all stream bounds, in bytes: the size of the disk. The server's default
// is three quarters of the free space at its start, and it rejects changes to streams beyond it; after the disk has
// filled up, a new version could not start. A full disk is detected by [Server.Watch].
func maxStore(dir string) int64 {
	size, err := diskSize(dir)
	if err != nil {
		size = topology.DefaultLogMaxBytes
	}
	return size + otherStreams
}

// diskSize returns the size of a directory's disk in bytes. The directory need not exist yet.
func diskSize(dir string) (int64, error) {
	for {
		size, err := volumeSize(dir)
		if err == nil {
			return size, nil
		}
		up := filepath.Dir(dir)
		if up == dir || !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		dir = up
	}
}
