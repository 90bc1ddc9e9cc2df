//go:build compose

package compose

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var services = filepath.Join("..", "..", "services")

// A standIn makes an image under the name of a base image, for a machine without a registry.
type standIn struct {
	image   *regexp.Regexp
	write   func(ctx context.Context, image string, into *rootfs) error
	changes []string
}

var standIns = []standIn{
	{regexp.MustCompile(`^golang:[0-9.]+-alpine$`), golangImage, []string{
		"ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin",
		"ENV GOPATH=/go", "ENV GOTOOLCHAIN=local",
		// The module cache of the image; go.sum verifies its content.
		"ENV GOPROXY=file:///var/cache/go-modules", "ENV GOSUMDB=off",
		"WORKDIR /go",
	}},
	{regexp.MustCompile(`^nats:[0-9.]+-alpine$`), natsImage, []string{
		"ENV PATH=/usr/local/bin:/usr/bin:/bin", "EXPOSE 4222 6222 8222",
		`ENTRYPOINT ["docker-entrypoint.sh"]`,
		`CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]`,
	}},
}

// madeOf labels a stand-in image with a hash of its inputs: an outdated one is not used.
const madeOf = "dev.plumbline.stand-in"

// provideImages pulls the base images if a registry responds, and builds stand-ins otherwise.
func provideImages(t *testing.T, e *engine, images []string) {
	t.Helper()
	modules, err := os.ReadFile(filepath.Join(services, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	now := fmt.Sprintf("%x", sha256.Sum256(modules))
	for _, image := range images {
		made, err := e.output(t.Context(), "docker", "image", "inspect", "--format", `{{index .Config.Labels "`+madeOf+`"}}`,
			image)
		if err == nil && (made == "" || made == now) {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		_, pull := e.output(ctx, "docker", "pull", "--quiet", image)
		cancel()
		if pull == nil {
			continue
		}
		start := time.Now()
		if err := importStandIn(t.Context(), e, image, "LABEL "+madeOf+"="+now); err != nil {
			t.Fatalf("%s can neither be pulled nor made: %v", image, errors.Join(pull, err))
		}
		t.Logf("no registry has %s; made a stand-in in %v", image, time.Since(start).Round(time.Second))
	}
}

func importStandIn(ctx context.Context, e *engine, image, label string) error {
	for _, s := range standIns {
		if !s.image.MatchString(image) {
			continue
		}
		r, w := io.Pipe()
		go func() {
			root := &rootfs{w: tar.NewWriter(w)}
			err := root.base()
			if err == nil {
				err = s.write(ctx, image, root)
			}
			w.CloseWithError(errors.Join(err, root.w.Close()))
		}()
		args := []string{"import", "--change", label}
		for _, c := range s.changes {
			args = append(args, "--change", c)
		}
		err := e.run(ctx, r, io.Discard, os.Stderr, "docker", append(args, "-", image)...)
		r.CloseWithError(err)
		return err
	}
	return fmt.Errorf("there is no stand-in for %s", image)
}

// golangImage is Go as this machine has it, and its module cache as a proxy.
func golangImage(ctx context.Context, _ string, root *rootfs) error {
	if _, err := goCommand(ctx, services, nil, "mod", "download"); err != nil {
		return err
	}
	out, err := goCommand(ctx, services, nil, "env", "GOROOT", "GOMODCACHE")
	if err != nil {
		return err
	}
	goroot, cache, _ := strings.Cut(out, "\n")
	if err := root.tree(goroot, "usr/local/go", func(name string) bool { return name == "test" }); err != nil {
		return err
	}
	return root.tree(filepath.Join(cache, "cache", "download"), "var/cache/go-modules", func(name string) bool {
		return name == "sumdb" || strings.HasSuffix(name, ".lock")
	})
}

// natsImage builds the server of this version from its module.
func natsImage(ctx context.Context, image string, root *rootfs) error {
	version := strings.TrimSuffix(strings.TrimPrefix(image, "nats:"), "-alpine")
	bin, err := os.MkdirTemp("", "plumbline-nats-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	_, err = goCommand(ctx, bin, []string{"GOBIN=" + bin, "CGO_ENABLED=0"},
		"install", "-trimpath", "-ldflags=-s -w", "github.com/nats-io/nats-server/v2@v"+version)
	if err != nil {
		return err
	}
	return errors.Join(
		root.file(filepath.Join(bin, "nats-server"), "usr/local/bin/nats-server"),
		root.text("usr/local/bin/docker-entrypoint.sh", 0o755, "#!/bin/sh\nexec \"$@\"\n"),
		root.text("etc/nats/nats-server.conf", 0o644, "port: 4222\nhttp: 8222\n"))
}

func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOWORK=off"), env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w\n%s", err, tail(string(exit.Stderr), 20))
	}
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// rootfs writes a root file system as a tar archive; everything in it is root's.
type rootfs struct {
	w *tar.Writer
}

// base builds the used part of alpine: busybox, CA certificates, users.
func (r *rootfs) base() error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("a stand-in needs a static busybox (Debian: apt-get install busybox-static): %w", err)
	}
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return err
	}
	for _, d := range []string{"bin", "etc", "usr", "usr/bin", "usr/local", "usr/local/bin", "var", "root"} {
		if err := r.directory(d, 0o755); err != nil {
			return err
		}
	}
	if err := r.directory("tmp", 0o1777); err != nil {
		return err
	}
	if err := r.file(busybox, "bin/busybox"); err != nil {
		return err
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet == "busybox" {
			continue
		}
		if err := r.w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox",
			Mode: 0o777}); err != nil {
			return err
		}
	}
	return errors.Join(
		r.text("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n"),
		r.text("etc/group", 0o644, "root:x:0:\n"),
		r.file("/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt"))
}

func (r *rootfs) directory(name string, mode int64) error {
	return r.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func (r *rootfs) text(name string, mode int64, content string) error {
	if err := r.w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := io.WriteString(r.w, content)
	return err
}

// file copies a file of this machine, following links.
func (r *rootfs) file(from, name string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime()}
	if err := r.w.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(r.w, f)
	return err
}

// tree copies a directory without the names in skip, relative to it.
func (r *rootfs) tree(from, into string, skip func(name string) bool) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		switch {
		case name != "." && skip(filepath.ToSlash(name)):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return r.directory(path.Join(into, filepath.ToSlash(name)), 0o755)
		case d.Type().IsRegular():
			return r.file(p, path.Join(into, filepath.ToSlash(name)))
		}
		return nil
	})
}
