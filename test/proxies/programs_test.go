//go:build proxies

package proxies

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"plumbline.dev/test/internal/stack"
)

func TestNginx(t *testing.T) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // not in every user's PATH; Debian: apt-get install nginx-light
	}
	in, dir := newInstallation(t), t.TempDir()
	addr, _ := freeAddr(t)
	ask := filepath.Join(dir, "plumbline_ask.conf")
	write(t, ask, in.template(t, "nginx_ask.conf"))
	site := in.template(t, "nginx.conf", "listen 80;", "listen "+addr+";", "/etc/nginx/plumbline_ask.conf", ask)
	// The frame of an nginx.conf that includes the site in its http block, with every file in one directory. It runs as
	// one process, because workers would outlive a killed master.
	frame := "daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {} http { access_log off; " +
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;" +
		" fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;\n%[2]s\n}\n"
	config := filepath.Join(dir, "nginx.conf")
	write(t, config, fmt.Sprintf(frame, dir, site))
	p := stack.Start(t, stack.Command{Name: "nginx", Path: path, Args: []string{"-e", "stderr", "-p", dir, "-c", config}})
	s := newSite(in, addr)
	s.await(t, p)
	check(t, s)
}

func TestCaddy(t *testing.T) {
	path := buildCaddy(t)
	in, dir := newInstallation(t), t.TempDir()
	addr, port := freeAddr(t)
	secure, securePort := freeAddr(t)
	site := in.template(t, "Caddyfile", host+" {", "http://"+host+":"+port+", https://"+host+":"+securePort+" {")
	config := filepath.Join(dir, "Caddyfile")
	// Settings for a machine without access to a certificate authority, and no other listeners.
	write(t, config,
		"{\n\tadmin off\n\tpersist_config off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n\n"+
			site)
	p := stack.Start(t,
		stack.Command{Name: "caddy", Path: path, Args: []string{"run", "--config", config, "--adapter", "caddyfile"},
			Env: []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}})
	s := newSite(in, addr)
	s.http2 = clientOf(secure, &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // its own CA
	s.await(t, p)
	check(t, s)
	if a, _, _ := s.send(t, s.http2, "https", request{method: "GET", target: "/", credentials: true}); a.ProtoMajor != 2 {
		t.Errorf("Caddy answers with %s", a.Proto)
	}
}

// newSite returns the application at a proxy listening for HTTP at addr.
func newSite(in *installation, addr string) *site {
	return &site{in: in, addr: addr, client: clientOf(addr, nil)}
}

// buildCaddy builds Caddy, unless that was done before: the build cache and the binary stay with the user.
func buildCaddy(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "plumbline-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "caddy")
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir, build.Env = filepath.Join(root, ".ci", "caddy"), append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build of Caddy: %v\n%s", err, out)
	}
	return path
}
