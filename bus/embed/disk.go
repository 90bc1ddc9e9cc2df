package embed

import (
	"errors"
	"io/fs"
	"path/filepath"

	"plumbline.dev/bus/topology"
)

// LogMaxBytes is the bound of POSTURE_LOG on this machine: the smaller of the default and a quarter of
// what the data's disk holds.
func LogMaxBytes(dir string) int64 {
	size, err := diskSize(dir)
	if err != nil {
		return topology.DefaultLogMaxBytes
	}
	return min(topology.DefaultLogMaxBytes, size/4)
}

// otherStreams is more than the bounds of all streams but POSTURE_LOG come to, in bytes.
const otherStreams = 1 << 30

// maxStore is what the bounds of all streams may come to, in bytes: what the disk holds. The server's own
// answer is three quarters of what is free at its start, and it refuses to change streams once their bounds come
// to more: on a disk that filled up since, another version would not start any more. A disk that is full is
// found out by [Server.Watch].
func maxStore(dir string) int64 {
	size, err := diskSize(dir)
	if err != nil {
		size = topology.DefaultLogMaxBytes
	}
	return size + otherStreams
}

// diskSize returns the bytes of the disk that a directory is on. The directory need not exist yet.
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
