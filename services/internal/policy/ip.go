package policy

import (
	"errors"
	"net/netip"
	"strings"
)

var (
	errIP          = errors.New("ip is neither an address nor a range of the form 192.0.2.0/24")
	addressUnknown = &Problem{Reason: AddressUnknown, Selector: "ip"}
)

var _ = register(Selector{Name: "ip", Members: []string{"ip"}, Value: "ip", Usage: "CIDR", parse: parseIP})

// addressRange matches requests from a range of addresses.
type addressRange struct{ netip.Prefix }

func parseIP(body []byte) (Matcher, error) {
	var b struct {
		IP string `json:"ip"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if !strings.Contains(b.IP, "/") {
		addr, err := netip.ParseAddr(b.IP)
		if err != nil || addr.Zone() != "" {
			return nil, errIP
		}
		addr = addr.Unmap()
		return addressRange{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(b.IP)
	if err != nil || p.Addr().Is4In6() {
		return nil, errIP
	}
	return addressRange{p.Masked()}, nil
}

func (r addressRange) Matches(f *Facts) Truth {
	if !f.IP.IsValid() {
		return unknown(addressUnknown)
	}
	return truth(r.Contains(f.IP.Unmap().WithZone("")))
}
