package node

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"yunduo"
	"yunduo/internal/destinations"
)

// EgressLimits bound what the functions of one app do in the network. Zero values mean the defaults.
type EgressLimits struct {
	Connections    int   // open at the same time, 1,024
	NewPerSecond   int   // 200, five times that in a burst; more wait for their turn
	BytesPerSecond int64 // both ways together, 64 MiB, four times that in a burst; more waits
}

func (l EgressLimits) withDefaults() EgressLimits {
	setDefault(&l.Connections, 1024)
	setDefault(&l.NewPerSecond, 200)
	setDefault(&l.BytesPerSecond, 64<<20)
	return l
}

// traffic is what the processes of one app share in the network.
type traffic struct {
	app      yunduo.AppID
	limits   EgressLimits
	connects bucket
	bytes    bucket

	mu        sync.Mutex
	processes int
	open      int
}

// enter counts a connection; false if the app has as many as it may.
func (t *traffic) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open >= t.limits.Connections {
		return false
	}
	t.open++
	return true
}

func (t *traffic) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
}

// bucket gives out so much a second, and what it has saved up at once.
type bucket struct {
	rate, burst float64

	mu    sync.Mutex
	level float64
	at    time.Time
}

// take waits until n may be used. More than a burst is paid for afterwards.
func (b *bucket) take(ctx context.Context, n int64) error {
	b.mu.Lock()
	now := time.Now()
	if b.at.IsZero() {
		b.level = b.burst
	} else {
		b.level = min(b.burst, b.level+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	b.level -= float64(n)
	owed := -b.level
	b.mu.Unlock()
	if owed <= 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(owed / b.rate * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// of returns the account of an app for one more process; release gives it back.
func (e *egress) of(app yunduo.AppID) *traffic {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.apps[app]
	if t == nil {
		l := e.limits
		t = &traffic{app: app, limits: l, connects: bucket{rate: float64(l.NewPerSecond), burst: 5 * float64(l.NewPerSecond)}, bytes: bucket{rate: float64(l.BytesPerSecond), burst: 4 * float64(l.BytesPerSecond)}}
		if e.apps == nil {
			e.apps = map[yunduo.AppID]*traffic{}
		}
		e.apps[app] = t
	}
	t.processes++
	return t
}

func (e *egress) release(t *traffic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.processes--; t.processes == 0 {
		delete(e.apps, t.app)
	}
}

// rules returns where the app may connect to.
func (e *egress) rules(ctx context.Context, app yunduo.AppID) (destinations.List, error) {
	if e.destinations == nil {
		return nil, nil
	}
	texts, err := e.destinations(ctx, app)
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	return destinations.Parse(texts)
}

// copyPart is after how many bytes a copy is charged.
const copyPart = 256 << 10

// pump copies until the source ends, at the app's pace.
func (t *traffic) pump(ctx context.Context, to, from net.Conn, read *bufio.Reader) error {
	if read != nil {
		n, err := io.CopyN(to, read, int64(read.Buffered())) // what came with the request
		if err == nil {
			err = t.bytes.take(ctx, n)
		}
		if err != nil {
			return err
		}
	}
	for {
		n, err := io.CopyN(to, from, copyPart)
		if paid := t.bytes.take(ctx, n); err == nil {
			err = paid
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxRemembered is how many addresses a process's outlet remembers names of.
const maxRemembered = 512

// memory knows which names the process has looked up: code often resolves a name and then connects to its address.
type memory struct {
	mu    sync.Mutex
	names map[netip.Addr][]string
}

func (m *memory) add(name string, addresses []netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil || len(m.names) >= maxRemembered {
		m.names = map[netip.Addr][]string{}
	}
	for _, a := range addresses {
		if known := m.names[a]; len(known) < 8 && !slices.Contains(known, name) {
			m.names[a] = append(known, name)
		}
	}
}

func (m *memory) of(a netip.Addr) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[a]
}
