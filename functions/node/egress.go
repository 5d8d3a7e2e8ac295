package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// EgressPolicy decides whether function code may connect to an address. It sees the address that a name has been
// resolved to and that is going to be used, so a name cannot point elsewhere afterwards.
type EgressPolicy func(address netip.AddrPort) bool

// closedNetworks are the ranges, besides those that netip knows, which are not the public internet: carrier and
// benchmark networks, protocol assignments, documentation, and IPv6 forms that carry an IPv4 address inside.
var closedNetworks = func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()

// PublicOnly is the policy unless another one is set: public addresses that are not this machine's own.
func PublicOnly(address netip.AddrPort) bool {
	a := address.Addr().Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() {
		return false
	}
	if slices.ContainsFunc(closedNetworks, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(own, func(n net.Addr) bool {
		prefix, err := netip.ParsePrefix(n.String())
		return err == nil && prefix.Addr().Unmap() == a
	})
}

// errDenied is the answer of the policy.
var errDenied = errors.New("functions may not connect to this address")

// egress makes connections for function code.
type egress struct {
	allow    EgressPolicy
	resolver *net.Resolver
}

const dialLimit = 15 * time.Second

// dial connects to host, a name or an address.
func (e *egress) dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	addresses, err := e.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	result := errDenied
	for i, a := range addresses {
		target := netip.AddrPortFrom(a.Unmap(), port)
		if !e.allow(target) {
			continue
		}
		deadline, _ := ctx.Deadline()
		dialer := net.Dialer{Timeout: time.Until(deadline) / time.Duration(len(addresses)-i)}
		conn, err := dialer.DialContext(ctx, "tcp", target.String())
		if err == nil {
			return conn, nil
		}
		result = err
	}
	return nil, result
}

// lookup resolves a name; an address is its own result.
func (e *egress) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if strings.EqualFold(host, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.WithZone("")}, nil
	}
	found, err := e.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap().WithZone("")
	}
	// IPv4 first, as Node.js code mostly expects; the rest in the resolver's order.
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return found, nil
}

// errorCode names an error the way Node.js does.
func errorCode(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errDenied):
		return "EACCES"
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return "ENOTFOUND"
		}
		return "EAI_AGAIN"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.Is(err, syscall.ECONNRESET):
		return "ECONNRESET"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "EHOSTUNREACH"
	case errors.Is(err, syscall.ENETUNREACH):
		return "ENETUNREACH"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "ETIMEDOUT"
	}
	return "ECONNABORTED"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
