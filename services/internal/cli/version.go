package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"plumbline.dev/proto"
	"plumbline.dev/proto/schema"
)

// Schemas returns the name and version of each schema of the messages that other systems read.
func Schemas() []string {
	public := append([]proto.Message{&proto.Entry{}}, schema.Public()...)
	schemas := make([]string, len(public))
	for n, m := range public {
		schemas[n] = m.Schema().String()
	}
	return schemas
}

// The version and the commit of a release, which its build sets with -ldflags=-X: a build from an archive or in a
// container has no repository to record them from.
var linkedVersion, linkedCommit string

// Version returns in one line the version, the commit and the toolchain that this binary was built from, as far as
// the build recorded them.
func Version() string {
	version, commit, state := cmp.Or(linkedVersion, "devel"), cmp.Or(linkedCommit, "unknown"), ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; linkedVersion == "" && v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = cmp.Or(linkedCommit, s.Value)
			case "vcs.modified":
				if linkedCommit == "" && s.Value == "true" {
					state = " (modified)"
				}
			}
		}
	}
	return fmt.Sprintf("%s, commit %s%s, %s %s/%s", version, commit, state, runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
}
