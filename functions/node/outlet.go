package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
)

// outlet is the way out of one sandboxed process: a socket in its file tree on which it asks the host for connections
// and names. Each connection begins with one line of JSON each way.
type outlet struct {
	egress   *egress
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	slots    chan struct{}
	tasks    sync.WaitGroup
	known    memory
	traffic  atomic.Pointer[traffic] // of the app that the process belongs to
	inside   atomic.Bool             // the process may connect to the platform itself
}

const (
	maxConnections = 256 // of one process at the same time
	maxOutletLine  = 2048
)

type outletRequest struct {
	Op   string `json:"op"` // connect, lookup, resolve
	Host string `json:"host"`
	Port uint16 `json:"port"`
	Type string `json:"type"` // of a resolve: A, AAAA, CNAME, MX, NS, PTR, SRV, TXT
}

type outletReply struct {
	Error     string   `json:"error,omitempty"` // a code such as ECONNREFUSED
	Message   string   `json:"message,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Records   any      `json:"records,omitempty"`
	Address   string   `json:"address,omitempty"` // of the other side
	Port      uint16   `json:"port,omitempty"`
}

func newOutlet(e *egress, listener net.Listener) *outlet {
	o := &outlet{egress: e, listener: listener, slots: make(chan struct{}, maxConnections)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.tasks.Go(o.accept)
	return o
}

func (o *outlet) accept() {
	for {
		conn, err := o.listener.Accept()
		if err != nil {
			return
		}
		o.slots <- struct{}{} // beyond that many, the process waits
		o.tasks.Go(func() {
			defer func() { <-o.slots }()
			stop := context.AfterFunc(o.ctx, func() { conn.Close() })
			defer stop()
			defer conn.Close()
			o.serve(conn)
		})
	}
}

// belong says whose code the process runs from now on. Before that, nothing goes out.
func (o *outlet) belong(app yunduo.AppID) { o.traffic.Store(o.egress.of(app)) }

// close ends all connections.
func (o *outlet) close() {
	o.listener.Close()
	o.cancel()
	o.tasks.Wait()
	if t := o.traffic.Load(); t != nil {
		o.egress.release(t)
	}
}

func (o *outlet) serve(conn net.Conn) {
	// A connection counts before it says what for: one that says nothing costs the server as much.
	t, patience := o.traffic.Load(), time.Second
	entered := t != nil && t.enter()
	if entered {
		defer t.leave()
		patience = 10 * time.Second
	}
	conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReaderSize(conn, maxOutletLine)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return
	}
	var request outletRequest
	if json.Unmarshal(line, &request) != nil || len(request.Host) > 255 {
		o.reply(conn, outletReply{Error: "EINVAL", Message: "bad request"})
		return
	}
	conn.SetDeadline(time.Time{})
	if !entered {
		o.reply(conn, failed(errTooMany))
		return
	}
	switch request.Op {
	case "connect":
		o.connect(conn, in, t, request)
	case "lookup":
		addresses, err := o.egress.lookup(o.ctx, t, "ip", request.Host, &o.known)
		reply := failed(err)
		for _, a := range addresses {
			reply.Addresses = append(reply.Addresses, a.String())
		}
		o.reply(conn, reply)
	case "resolve":
		records, err := o.resolve(t, request)
		reply := failed(err)
		if err == nil {
			reply.Records = records
		}
		o.reply(conn, reply)
	default:
		o.reply(conn, outletReply{Error: "EINVAL", Message: "unknown request"})
	}
}

func failed(err error) outletReply {
	if err == nil {
		return outletReply{}
	}
	reply := outletReply{Error: errorCode(err)}
	for _, known := range []error{errDenied, errUnlisted, errTooMany} {
		if errors.Is(err, known) {
			reply.Message = known.Error()
		}
	}
	return reply
}

func (o *outlet) reply(conn net.Conn, reply outletReply) bool {
	text, err := json.Marshal(reply)
	if err != nil {
		return false
	}
	conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err = conn.Write(append(text, '\n'))
	conn.SetWriteDeadline(time.Time{})
	return err == nil
}

// connect makes the connection, tells its address, waits for one byte that says that the process is ready, and then
// passes bytes both ways until both sides have finished.
func (o *outlet) connect(conn net.Conn, in *bufio.Reader, t *traffic, request outletRequest) {
	remote, err := o.egress.enter(request.Host, request.Port, o.inside.Load()), error(nil)
	if remote == nil {
		remote, err = o.egress.dial(o.ctx, t, request.Host, request.Port, &o.known)
	}
	if err != nil {
		o.reply(conn, failed(err))
		return
	}
	defer remote.Close()
	stop := context.AfterFunc(o.ctx, func() { remote.Close() })
	defer stop()
	peer, err := netip.ParseAddrPort(remote.RemoteAddr().String())
	if err != nil { // of a connection that is none of the network
		peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), request.Port)
	}
	if !o.reply(conn, outletReply{Address: peer.Addr().String(), Port: peer.Port()}) {
		return
	}
	if _, err := in.ReadByte(); err != nil {
		return
	}
	var group sync.WaitGroup
	group.Go(func() {
		if err := t.pump(o.ctx, remote, conn, in); err != nil {
			remote.Close()
			return
		}
		closeWrite(remote)
	})
	if err := t.pump(o.ctx, conn, remote, nil); err != nil {
		conn.Close()
		remote.Close()
	} else {
		closeWrite(conn)
	}
	group.Wait()
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // best effort: the connection is ending
	} else {
		conn.Close()
	}
}

// resolve answers dns.resolve of the given type with records in the shapes of Node.js.
func (o *outlet) resolve(t *traffic, request outletRequest) (any, error) {
	if network, ok := map[string]string{"A": "ip4", "AAAA": "ip6"}[request.Type]; ok {
		found, err := o.egress.lookup(o.ctx, t, network, request.Host, &o.known)
		records := make([]string, len(found))
		for i, a := range found {
			records[i] = a.String()
		}
		return records, err
	}
	ctx, cancel := context.WithTimeout(o.ctx, dialLimit)
	defer cancel()
	if err := o.egress.mayAsk(ctx, t, request.Host); err != nil {
		return nil, err
	}
	if a, literal := parseHost(request.Host); literal && !o.egress.allow(netip.AddrPortFrom(a[0], anyPort)) {
		return nil, errDenied // the names of the host's network
	}
	r := o.egress.resolver
	if request.Type != "PTR" && !strings.HasSuffix(request.Host, ".") {
		request.Host += "." // as in Node.js: the host's own domain is not searched
	}
	switch request.Type {
	case "CNAME":
		// A name of the host's network has another one that is to be told as little.
		if _, err := o.egress.lookup(ctx, t, "ip", request.Host, &o.known); err != nil {
			return nil, err
		}
		name, err := r.LookupCNAME(ctx, request.Host)
		return []string{trimDot(name)}, err
	case "TXT":
		found, err := r.LookupTXT(ctx, request.Host)
		records := make([][]string, len(found))
		for i, text := range found {
			records[i] = []string{text}
		}
		return records, err
	case "MX":
		found, err := r.LookupMX(ctx, request.Host)
		records := make([]map[string]any, len(found))
		for i, mx := range found {
			records[i] = map[string]any{"exchange": trimDot(mx.Host), "priority": mx.Pref}
		}
		return records, err
	case "NS":
		found, err := r.LookupNS(ctx, request.Host)
		records := make([]string, len(found))
		for i, ns := range found {
			records[i] = trimDot(ns.Host)
		}
		return records, err
	case "SRV":
		_, found, err := r.LookupSRV(ctx, "", "", request.Host)
		records := make([]map[string]any, len(found))
		for i, srv := range found {
			records[i] = map[string]any{"name": trimDot(srv.Target), "port": srv.Port, "priority": srv.Priority, "weight": srv.Weight}
		}
		return records, err
	case "PTR":
		found, err := r.LookupAddr(ctx, request.Host)
		for i := range found {
			found[i] = trimDot(found[i])
		}
		return found, err
	}
	return nil, errUnknownType
}

var errUnknownType = errors.New("records of this type cannot be asked for")

func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
