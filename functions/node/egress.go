package node

import "net/netip"

// EgressPolicy decides whether function code may connect to an address; the name that it came from has been resolved.
type EgressPolicy func(address netip.AddrPort) bool
