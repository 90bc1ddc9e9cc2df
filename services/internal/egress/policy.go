package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// policy decides about an address before the connection.
type policy struct {
	allow, deny []netip.Prefix
	own         []endpoint
	// Data of the machine; replaced in tests.
	interfaces func() ([]net.Addr, error)
	lookup     func(ctx context.Context, network, name string) ([]netip.Addr, error)
}

// endpoint is one of our own ports.
type endpoint struct {
	addr netip.Addr // invalid for a name
	name string
	port uint16
}

func newPolicy(cfg Config) (*policy, error) {
	p := &policy{allow: cfg.Allow, deny: cfg.Deny, interfaces: net.InterfaceAddrs, lookup: net.DefaultResolver.LookupNetIP}
	for _, text := range cfg.DenyAddrs {
		e, err := parseEndpoint(text)
		if err != nil {
			return nil, err
		}
		p.own = append(p.own, e)
	}
	return p, nil
}

func parseEndpoint(text string) (endpoint, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return endpoint{}, fmt.Errorf("denied address %q is not of the form host:port", text)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return endpoint{}, fmt.Errorf("denied address %q: the port is not a number from 1 to 65535", text)
	}
	e := endpoint{port: uint16(n)}
	switch a, err := netip.ParseAddr(host); {
	case host == "":
		e.addr = netip.IPv6Unspecified()
	case strings.EqualFold(host, "localhost"):
		e.addr = netip.IPv6Loopback()
	case err == nil:
		e.addr = plainAddr(a)
	default:
		e.name = host
	}
	return e, nil
}

// check returns the reason why an address must not be called with a scheme, or nil.
func (p *policy) check(ctx context.Context, scheme string, to netip.AddrPort) error {
	a := plainAddr(to.Addr())
	switch {
	case deniedReason(a) != "":
		return denied("%s is %s; such addresses are never called.", a, deniedReason(a))
	case p.ours(ctx, a, to.Port()):
		return denied("%s is a port of Plumbline itself.", netip.AddrPortFrom(a, to.Port()))
	case contains(p.deny, a):
		return denied("%s is on the list of denied addresses.", a)
	case len(p.allow) > 0 && !contains(p.allow, a):
		return denied("%s is not on the list of allowed addresses.", a)
	case scheme == "http" && !allowsPlainHTTP(a):
		return denied("%s is a public address, and plain http may only go to loopback and private ones; use https.", a)
	}
	return nil
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	inner, carries := carried(a)
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool {
		return p.Contains(a) || carries && p.Contains(inner)
	})
}

func (p *policy) ours(ctx context.Context, a netip.Addr, port uint16) bool {
	for _, e := range p.own {
		if e.port == port && p.same(ctx, e, a) {
			return true
		}
	}
	return false
}

func (p *policy) same(ctx context.Context, e endpoint, a netip.Addr) bool {
	switch {
	case e.name != "":
		// A name that does not resolve now cannot be the target of a connection.
		found, _ := p.lookup(ctx, "ip", e.name)
		return slices.ContainsFunc(found, func(f netip.Addr) bool { return plainAddr(f) == a })
	case e.addr.IsLoopback():
		return a.IsLoopback()
	case e.addr.IsUnspecified():
		return a.IsLoopback() || p.mine(a)
	}
	return e.addr == a
}

// mine reports whether an address belongs to this machine. If the addresses are unknown it returns true, because the
// port is ours.
func (p *policy) mine(a netip.Addr) bool {
	addrs, err := p.interfaces()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addrs, func(of net.Addr) bool {
		prefix, err := netip.ParsePrefix(of.String())
		return err == nil && plainAddr(prefix.Addr()) == a
	})
}
