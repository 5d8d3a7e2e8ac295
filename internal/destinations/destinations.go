// Package destinations reads lists of places in the network, such as those that an app's functions may connect to.
package destinations

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxEntries is how long a list may be.
const MaxEntries = 200

// List is a list of destinations. The empty list allows everything.
type List []entry

// entry is one pattern: a name, a name with everything below it, or a network; with one port or all.
type entry struct {
	name   string // in lower case; empty for a network, "*" for any name and address
	below  bool
	prefix netip.Prefix
	port   uint16 // 0 is all
}

// Parse reads a list. Entries are names (api.example.com), names with all below them (*.example.com), addresses,
// networks (203.0.113.0/24) or *, each with or without a port (db.example.com:3306, [2001:db8::/32]:443).
func Parse(texts []string) (List, error) {
	if len(texts) > MaxEntries {
		return nil, fmt.Errorf("%d destinations are more than %d", len(texts), MaxEntries)
	}
	list := make(List, 0, len(texts))
	for i, text := range texts {
		e, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("destination %d, %q: %w", i+1, text, err)
		}
		list = append(list, e)
	}
	return list, nil
}

func parse(text string) (entry, error) {
	host, port := text, ""
	if inside, ok := strings.CutPrefix(text, "["); ok {
		var found bool
		if host, port, found = strings.Cut(inside, "]"); !found || port != "" && port[0] != ':' {
			return entry{}, fmt.Errorf("no closing bracket, or something else than a port after it")
		}
		port = strings.TrimPrefix(port, ":")
	} else if strings.Count(text, ":") == 1 {
		host, port, _ = strings.Cut(text, ":")
		if port == "" {
			return entry{}, fmt.Errorf("the port is missing")
		}
	}
	var e entry
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return entry{}, fmt.Errorf("%q is no port", port)
		}
		e.port = uint16(n)
	}
	if prefix, err := netip.ParsePrefix(host); err == nil {
		e.prefix = unmap(prefix).Masked()
		return e, nil
	}
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.Unmap().WithZone("")
		e.prefix = netip.PrefixFrom(address, address.BitLen())
		return e, nil
	}
	if host == "*" {
		e.name = host
		return e, nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	name, e.below = strings.CutPrefix(name, "*.")
	if !validName(name) {
		return entry{}, fmt.Errorf("it is neither a name, nor an address, nor a network")
	}
	e.name = name
	return e, nil
}

// unmap turns a network of IPv4 addresses that is written in IPv6 into itself.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	// A name whose last label is a number is an address in an odd spelling, and would be matched as none.
	last := name[strings.LastIndexByte(name, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err != nil
}

// Allows reports whether a connection may be made to the address, which one of the names was resolved to.
func (l List) Allows(names []string, address netip.AddrPort) bool {
	if len(l) == 0 {
		return true
	}
	for _, e := range l {
		if e.port != 0 && e.port != address.Port() {
			continue
		}
		if e.name == "" {
			if e.prefix.Contains(address.Addr().Unmap().WithZone("")) {
				return true
			}
			continue
		}
		if e.name == "*" {
			return true
		}
		for _, name := range names {
			if e.matches(name) {
				return true
			}
		}
	}
	return false
}

// AllowsName reports whether a name may be looked up: it is listed, or a network is, into which it may lead.
func (l List) AllowsName(name string) bool {
	if len(l) == 0 {
		return true
	}
	for _, e := range l {
		if e.name == "" || e.name == "*" || e.matches(name) {
			return true
		}
	}
	return false
}

func (e entry) matches(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return !e.below && name == e.name || e.below && strings.HasSuffix(name, "."+e.name)
}
