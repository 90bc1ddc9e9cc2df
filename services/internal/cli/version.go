package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version returns in one line the version, the commit and the toolchain that this binary was built from, as far as
// the build recorded them.
func Version() string {
	version, commit, state := "devel", "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					state = " (modified)"
				}
			}
		}
	}
	return fmt.Sprintf("%s, commit %s%s, %s %s/%s", version, commit, state, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
