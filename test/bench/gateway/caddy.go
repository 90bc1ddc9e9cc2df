package gateway

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"plumbline.dev/test/internal/stack"
)

// caddyfile configures two servers: a plain proxy, and one with forward_auth to the gateway as shown in
// deploy/proxies.
const caddyfile = `{
	admin off
	auto_https off
	persist_config off
}
http://:%[1]s {
	bind 127.0.0.1
	reverse_proxy %[3]s
}
http://:%[2]s {
	bind 127.0.0.1
	forward_auth %[4]s {
		uri /cdn-cgi/access/forward-auth/caddy
		copy_headers Cf-Access-Jwt-Assertion
	}
	request_header -Cf-Access-Client-Id
	request_header -Cf-Access-Client-Secret
	reverse_proxy %[3]s
}
`

// startCaddy adds Caddy's reverse_proxy, alone and with forward_auth to the gateway.
func (w *workbench) startCaddy(ctx context.Context, gateway *stack.Process) error {
	var addrs, ports [2]string
	for i := range addrs {
		addr, err := stack.FreeAddr()
		if err != nil {
			return err
		}
		addrs[i] = addr
		if _, ports[i], err = net.SplitHostPort(addr); err != nil {
			return err
		}
	}
	path := filepath.Join(w.dir, "Caddyfile")
	if err := os.WriteFile(path, fmt.Appendf(nil, caddyfile, ports[0], ports[1], w.origin, w.installed.Access),
		0o600); err != nil {
		return err
	}
	caddy, err := stack.Launch(stack.Command{Name: "caddy", Path: w.Caddy, Args: []string{"run", "--adapter",
		"caddyfile", "--config", path},
		Env: []string{"HOME=" + w.dir, "XDG_DATA_HOME=" + w.dir, "XDG_CONFIG_HOME=" + w.dir, gogc}})
	if err != nil {
		return err
	}
	w.processes = append(w.processes, caddy)
	for _, addr := range addrs {
		if err := listening(ctx, caddy, addr); err != nil {
			return fmt.Errorf("caddy: %w", err)
		}
	}
	w.contestants = append(w.contestants,
		&contestant{side: Side{Name: "Caddy, reverse_proxy"}, addr: addrs[0], parties: []*stack.Process{caddy}},
		&contestant{side: Side{Name: "Caddy, forward_auth"}, addr: addrs[1], parties: []*stack.Process{caddy, gateway}})
	return nil
}
