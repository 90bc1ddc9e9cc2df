package embed

import "golang.org/x/sys/windows"

// volumeSize returns the size of a directory's volume in bytes.
func volumeSize(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var size uint64
	if err := windows.GetDiskFreeSpaceEx(path, nil, &size, nil); err != nil {
		return 0, err
	}
	return int64(size), nil
}
