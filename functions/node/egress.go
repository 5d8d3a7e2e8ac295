package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"yunduo"
)

// EgressPolicy decides whether function code may connect to an address. It sees the address that a name has been
// resolved to and that is going to be used, so a name cannot point elsewhere afterwards.
type EgressPolicy func(address netip.AddrPort) bool

// publicIPv6 is all that is given out of IPv6: what lies outside are local networks and forms that carry an IPv4 address.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

// closedNetworks are the ranges, besides those that netip knows, which are not the public internet: carrier and
// benchmark networks, protocol assignments, documentation, IPv6 forms that carry an IPv4 address inside, and the one
// public address at which a cloud (Azure) tells its machines their secrets.
var closedNetworks = func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"168.63.129.16/32", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()

// PublicOnly is the policy unless another one is set: public addresses that are not this machine's own.
func PublicOnly(address netip.AddrPort) bool {
	a := address.Addr().Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() || a.Is6() && !publicIPv6.Contains(a) {
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

// Answers of the policy.
var (
	errDenied   = errors.New("functions may not connect to this address")
	errUnlisted = errors.New("this is not among the destinations of the app")
	errTooMany  = errors.New("the app has as many open connections as it may")
)

// egress makes connections for function code.
type egress struct {
	allow        EgressPolicy
	destinations func(context.Context, yunduo.AppID) ([]string, error)
	limits       EgressLimits
	resolver     *net.Resolver
	inside       *Inside

	mu   sync.Mutex
	apps map[yunduo.AppID]*traffic
}

const (
	dialLimit    = 15 * time.Second
	anyPort      = 443 // where an address is judged for itself
	maxAddresses = 16  // of a name that count: an answer can have thousands, and each would be tried
)

// enter connects to the platform itself, if code may and that is what the address names; nil otherwise.
func (e *egress) enter(host string, port uint16, may bool) net.Conn {
	addresses, literal := parseHost(host)
	if !may || e.inside == nil || !literal || !e.inside.At(netip.AddrPortFrom(addresses[0], port)) {
		return nil
	}
	here, there := net.Pipe()
	go e.inside.Serve(there)
	return here
}

// dial connects to host, a name or an address, for an app. names are those that the address is known by.
func (e *egress) dial(ctx context.Context, t *traffic, host string, port uint16, known *memory) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if err := t.connects.take(ctx, 1); err != nil {
		return nil, err
	}
	list, err := e.rules(ctx, t.app)
	if err != nil {
		return nil, err
	}
	var names []string
	addresses, literal := parseHost(host)
	if literal {
		names = known.of(addresses[0])
	} else {
		if !list.AllowsName(host) {
			return nil, errUnlisted
		}
		names = []string{host}
		if addresses, err = e.resolve(ctx, "ip", host); err != nil {
			return nil, err
		}
	}
	result := errDenied
	for i, a := range addresses {
		target := netip.AddrPortFrom(a, port)
		if !e.allow(target) {
			continue
		}
		if !list.Allows(names, target) {
			result = errUnlisted
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

// lookup resolves a name for an app; an address is its own result. Addresses that nobody may connect to are left out: a
// function has no use for the names of the host's network.
func (e *egress) lookup(ctx context.Context, t *traffic, network, host string, known *memory) ([]netip.Addr, error) {
	if addresses, literal := parseHost(host); literal {
		return addresses, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if err := e.mayAsk(ctx, t, host); err != nil {
		return nil, err
	}
	found, err := e.resolve(ctx, network, host)
	if err != nil {
		return nil, err
	}
	open := slices.DeleteFunc(found, func(a netip.Addr) bool { return !e.allow(netip.AddrPortFrom(a, anyPort)) })
	if len(open) == 0 {
		return nil, errDenied
	}
	known.add(host, open)
	return open, nil
}

// mayAsk decides whether an app may ask for a name: with a list of destinations, asking for others could carry data out.
func (e *egress) mayAsk(ctx context.Context, t *traffic, host string) error {
	if err := t.connects.take(ctx, 1); err != nil {
		return err
	}
	list, err := e.rules(ctx, t.app)
	if err == nil && !list.AllowsName(host) {
		err = errUnlisted
	}
	return err
}

func (e *egress) resolve(ctx context.Context, network, host string) ([]netip.Addr, error) {
	found, err := e.resolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap().WithZone("")
	}
	// IPv4 first, as Node.js code mostly expects; the rest in the resolver's order.
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return found[:min(len(found), maxAddresses)], nil
}

// parseHost reads what is an address in some spelling, or a name of this machine.
func parseHost(host string) ([]netip.Addr, bool) {
	plain := strings.ToLower(strings.TrimSuffix(host, "."))
	if plain == "localhost" || strings.HasSuffix(plain, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, true
	}
	if inside, ok := strings.CutPrefix(plain, "["); ok {
		plain = strings.TrimSuffix(inside, "]")
	}
	if a, err := netip.ParseAddr(plain); err == nil {
		return []netip.Addr{a.Unmap().WithZone("")}, true
	}
	if a, ok := oldAddress(plain); ok {
		return []netip.Addr{a}, true
	}
	return nil, false
}

// oldAddress reads the spellings of an IPv4 address that inet_aton(3) takes: one to four numbers, decimal, octal or
// hexadecimal, the last of which fills what is left. Resolvers differ about them; here they are addresses.
func oldAddress(text string) (netip.Addr, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		if strings.ContainsRune(part, '_') {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(part, 0, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		width := 8
		if i == len(parts)-1 {
			width = 8 * (5 - len(parts))
		}
		if n >= 1<<width {
			return netip.Addr{}, false
		}
		value = value<<width | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// errorCode names an error the way Node.js does.
func errorCode(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errDenied), errors.Is(err, errUnlisted):
		return "EACCES"
	case errors.Is(err, errTooMany):
		return "EMFILE"
	case errors.Is(err, errUnknownType):
		return "ENOTIMP"
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
