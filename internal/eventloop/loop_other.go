//go:build !linux

package eventloop

import (
	"errors"
	"net"
	"time"
)

// Loop is not available on this system.
type Loop struct{}

// New fails with errors.ErrUnsupported.
func New() (*Loop, error) { return nil, errors.ErrUnsupported }

// Go does not run f.
func (l *Loop) Go(f func(*Task)) *Task { return nil }

// Adopt fails with errors.ErrUnsupported.
func (l *Loop) Adopt(net.Conn) (*Socket, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (l *Loop) Close() {}

// Task does not exist without a loop.
type Task struct{}

// Park returns at once.
func (t *Task) Park() {}

// Unpark does nothing.
func (t *Task) Unpark() {}

// WakeAt does nothing.
func (t *Task) WakeAt(time.Time) {}

// Leave does nothing.
func (t *Task) Leave() {}

// OnLoop is false.
func (t *Task) OnLoop() bool { return false }

// Last runs f.
func (t *Task) Last(f func()) { f() }

// Socket does not exist without a loop.
type Socket struct{ net.Conn }

// Run does nothing.
func (s *Socket) Run(func(*Task)) {}

// TryWrite writes nothing.
func (s *Socket) TryWrite([]byte) (int, error) { return 0, errors.ErrUnsupported }

// OnHangup does nothing.
func (s *Socket) OnHangup(func()) {}

// Release fails with errors.ErrUnsupported.
func (s *Socket) Release() (net.Conn, error) { return nil, errors.ErrUnsupported }
