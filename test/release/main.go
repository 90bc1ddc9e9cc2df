// Command release builds what users install, into a directory:
//
//	go run ./test/release --out dist
//
// It writes an archive of plumb for each platform, with shell completions and the licences of every module in the
// binary, and SHA256SUMS. With --images it also builds an image of each service from deploy/Dockerfile. Two runs at the
// same commit, with the same toolchain, write the same archives.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// platform is an operating system and an architecture, by Go's names.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

func main() {
	out := flag.String("out", "dist", "directory for the archives; existing archives are replaced")
	only := flag.String("platform", "", "comma-separated platforms to build, such as linux/amd64; all by default")
	images := flag.Bool("images", false, "build the images too; needs a Docker engine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, *out, *only, *images); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(ctx context.Context, out, only string, images bool) error {
	chosen := platforms
	if only != "" {
		chosen = nil
		for name := range strings.SplitSeq(only, ",") {
			n := slices.IndexFunc(platforms, func(p platform) bool { return p.String() == name })
			if n < 0 {
				return fmt.Errorf("--platform: %q must be one of %v", name, platforms)
			}
			chosen = append(chosen, platforms[n])
		}
	}
	src, err := readSource(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "plumb-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	completions, err := completionFiles(ctx, work, src)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, p := range chosen {
		name, content, err := build(ctx, work, src, p, completions)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
		fmt.Fprintln(os.Stdout, filepath.Join(out, name))
	}
	if err := os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644); err != nil {
		return err
	}
	if images {
		return buildImages(ctx, src)
	}
	return nil
}

// source is the commit of the working tree.
type source struct {
	version, commit string
	at              time.Time
}

func readSource(ctx context.Context) (source, error) {
	described, err := output(ctx, nil, "git", "describe", "--tags", "--always", "--dirty")
	if err != nil {
		return source{}, err
	}
	head, err := output(ctx, nil, "git", "show", "-s", "--format=%H %cI", "HEAD")
	if err != nil {
		return source{}, err
	}
	commit, stamp, _ := strings.Cut(strings.TrimSpace(head), " ")
	at, err := time.Parse(time.RFC3339, stamp)
	return source{strings.TrimPrefix(strings.TrimSpace(described), "v"), commit, at}, err
}

// linkFlags returns the linker flags to record the version and the commit in a binary.
func (s source) linkFlags() string {
	const pkg = "plumbline.dev/services/internal/cli."
	return fmt.Sprintf("-ldflags=-s -w -X %slinkedVersion=%s -X %slinkedCommit=%s", pkg, s.version, pkg, s.commit)
}

// completionFiles builds plumb for this machine and returns its completion scripts.
func completionFiles(ctx context.Context, work string, src source) ([]file, error) {
	host := filepath.Join(work, "host")
	if err := compile(ctx, host, src, platform{runtime.GOOS, runtime.GOARCH}); err != nil {
		return nil, err
	}
	var all []file
	for shell, name := range map[string]string{"bash": "plumb.bash", "zsh": "_plumb", "fish": "plumb.fish"} {
		script, err := output(ctx, nil, host, "completion", shell)
		if err != nil {
			return nil, err
		}
		all = append(all, file{name: "completions/" + name, content: []byte(script)})
	}
	return all, nil
}

// build returns the archive of a platform and its name.
func build(ctx context.Context, work string, src source, p platform, files []file) (string, []byte, error) {
	base := fmt.Sprintf("plumb_%s_%s_%s", src.version, p.os, p.arch)
	binary := "plumb"
	if p.os == "windows" {
		binary += ".exe"
	}
	path := filepath.Join(work, base)
	if err := compile(ctx, path, src, p); err != nil {
		return "", nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	licences, err := licenceFiles(ctx, p)
	if err != nil {
		return "", nil, err
	}
	all := append([]file{{name: binary, content: content, executable: true}}, files...)
	all = append(all, licences...)
	if p.os == "windows" {
		packed, err := zipped(base, all, src.at)
		return base + ".zip", packed, err
	}
	packed, err := tarred(base, all, src.at)
	return base + ".tar.gz", packed, err
}

func compile(ctx context.Context, path string, src source, p platform) error {
	_, err := output(ctx, environment(p), "go", "build", "-trimpath", src.linkFlags(), "-o", path, "./services/cmd/plumb")
	return err
}

func environment(p platform) []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
}

// buildImages builds an image of each binary, from the Dockerfile used by deploy/compose.yaml.
func buildImages(ctx context.Context, src source) error {
	entries, err := os.ReadDir("services/cmd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		tag := "plumbline/" + e.Name() + ":" + src.version
		cmd := exec.CommandContext(ctx, "docker", "build", "-f", "deploy/Dockerfile", "--build-arg", "SERVICE="+e.Name(),
			"--build-arg", "VERSION="+src.version, "--build-arg", "COMMIT="+src.commit, "-t", tag, ".")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("image %s: %w", tag, err)
		}
		fmt.Fprintln(os.Stdout, tag)
	}
	return nil
}

// output runs a command and returns its standard output. If the command fails, the error has its standard error.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, exit.Stderr)
	}
	return string(out), err
}
