package eventloop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

func newLoop(t testing.TB) *Loop {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// pair returns two ends of a TCP connection, the first of them on the loop.
func pair(t testing.TB, l *Loop) (*Socket, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Adopt(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, far
}

// run runs f on the socket's task and waits for its end.
func run(s *Socket, f func(*Task)) (done chan struct{}) {
	done = make(chan struct{})
	s.Run(func(t *Task) {
		defer close(done)
		f(t)
	})
	return done
}

func TestSockets_Echo(t *testing.T) {
	l := newLoop(t)
	var group sync.WaitGroup
	for range 50 {
		s, far := pair(t, l)
		done := run(s, func(*Task) {
			io.Copy(s, struct{ io.Reader }{s})
			s.Close()
		})
		group.Go(func() {
			sent := bytes.Repeat([]byte("some words that come back "), 20_000)
			go func() {
				far.Write(sent)
				far.(*net.TCPConn).CloseWrite()
			}()
			if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
			}
			<-done
		})
	}
	group.Wait()
}

// A task that blocks does not keep the loop from the others, and comes back to it.
func TestBlockedTask_OthersGoOn(t *testing.T) {
	l := newLoop(t)
	stuck, stuckFar := pair(t, l)
	release, blocked := make(chan struct{}), make(chan struct{})
	var before, after bool
	ended := run(stuck, func(task *Task) {
		before = task.OnLoop()
		close(blocked)
		<-release
		after = task.OnLoop()
		io.ReadFull(stuck, make([]byte, 2)) // parks, and goes on elsewhere
	})
	<-blocked
	for range 20 {
		s, far := pair(t, l)
		done := run(s, func(*Task) { io.CopyN(s, struct{ io.Reader }{s}, 3) })
		far.Write([]byte("abc"))
		if _, err := io.ReadFull(far, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	close(release)
	stuckFar.Write([]byte("x"))
	stuckFar.Write([]byte("y"))
	<-ended
	if !before || after {
		t.Errorf("on the loop: %v before, %v after", before, after)
	}
}

func TestLeave_OthersGoOnAtOnce(t *testing.T) {
	l := newLoop(t)
	s, far := pair(t, l)
	done := run(s, func(task *Task) {
		for range 100 {
			task.Leave()
			if task.OnLoop() {
				t.Error("still on the loop")
			}
			b := make([]byte, 1)
			if _, err := io.ReadFull(s, b); err != nil {
				t.Error(err)
			}
			s.Write(b)
		}
	})
	for range 100 {
		far.Write([]byte("x"))
		if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	<-done
}

func TestUnpark_IsNeverLost(t *testing.T) {
	l := newLoop(t)
	const tasks, rounds = 20, 2000
	var group sync.WaitGroup
	for range tasks {
		wakes, done := make(chan *Task, 1), make(chan struct{})
		seen := make(chan struct{}, 1)
		l.Go(func(task *Task) {
			defer close(done)
			wakes <- task
			for n := range rounds {
				for {
					select {
					case <-seen:
					default:
						task.Park()
						continue
					}
					break
				}
				if n%7 == 0 {
					task.Leave()
				}
				wakes <- task
			}
		})
		group.Go(func() {
			for range rounds {
				task := <-wakes
				seen <- struct{}{}
				task.Unpark()
			}
			<-wakes
			<-done
		})
	}
	group.Wait()
}

func TestLast_RunsAfterWhatIsReady(t *testing.T) {
	l := newLoop(t)
	var order []string
	var mu sync.Mutex
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	gate, done := make(chan struct{}), make(chan struct{})
	l.Go(func(*Task) { <-gate }) // keeps the loop, if both get ready within its patience
	var left sync.WaitGroup
	left.Add(2)
	for _, name := range []string{"a", "b"} {
		l.Go(func(task *Task) {
			note(name)
			task.Last(func() {
				note("last")
				left.Done()
			})
		})
	}
	go func() {
		left.Wait()
		close(done)
	}()
	close(gate)
	<-done
	if len(order) != 4 || order[0] == "last" || order[3] != "last" {
		t.Errorf("order %v", order)
	}
}

// Of many that are busy nobody who has been quiet has to wait for all: who is woken in the middle of a round, and whom
// that one wakes, run before its end.
func TestLongRound_QuietOnesGoFirst(t *testing.T) {
	l := newLoop(t)
	const busy, rounds = 64, 2 * rareRounds
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	quiet, far := pair(t, l)
	woken := make(chan *Task, 1)
	after := l.Go(func(task *Task) {
		woken <- task
		task.Park()
		note("woken by the quiet one")
	})
	<-woken
	answered := run(quiet, func(task *Task) {
		if _, err := quiet.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		note("quiet")
		task.Last(after.Unpark)
	})
	var tasks [busy]*Task
	var left sync.WaitGroup // of a round
	var ended sync.WaitGroup
	ended.Add(busy)
	left.Add(busy)
	for n := range busy {
		tasks[n] = l.Go(func(task *Task) {
			defer ended.Done()
			for round := range rounds + 1 {
				if round == rounds {
					note("busy")
				}
				if round == rounds && n == 0 {
					far.Write([]byte("x"))
				}
				left.Done()
				if round < rounds {
					task.Park()
				}
			}
		})
	}
	left.Wait()
	for range rounds {
		left.Add(busy)
		l.Go(func(*Task) { // on the loop, so that all are ready in the same round
			for _, task := range tasks {
				task.Unpark()
			}
		})
		left.Wait()
	}
	ended.Wait()
	<-answered
	mu.Lock()
	defer mu.Unlock()
	for _, who := range []string{"quiet", "woken by the quiet one"} {
		if at := slices.Index(order, who); at < 0 || at > busy/2 {
			t.Errorf("%s is number %d", who, at)
		}
	}
}

func TestWakeAt(t *testing.T) {
	l := newLoop(t)
	done := make(chan struct{})
	l.Go(func(task *Task) {
		defer close(done)
		for range 5 {
			due := time.Now().Add(5 * time.Millisecond)
			for time.Now().Before(due) {
				task.WakeAt(due)
				task.Park()
			}
			task.WakeAt(time.Now().Add(time.Hour)) // goes off later: nothing may wait for it
		}
	})
	<-done
}

func TestDeadlines(t *testing.T) {
	l := newLoop(t)
	s, far := pair(t, l)
	<-run(s, func(*Task) {
		s.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		s.SetReadDeadline(time.Time{})
		far.Write([]byte("x"))
		if n, err := s.Read(make([]byte, 10)); n != 1 || err != nil {
			t.Errorf("read after a deadline: %d, %v", n, err)
		}
		s.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := s.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write to nobody: %v", err)
		}
	})
}

func TestTryWrite_NeverWaits(t *testing.T) {
	l := newLoop(t)
	s, _ := pair(t, l)
	if n, err := s.TryWrite(make([]byte, 64<<20)); err != nil || n == 0 || n == 64<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestClose_EndsReadsAndWrites(t *testing.T) {
	l := newLoop(t)
	s, _ := pair(t, l)
	hungUp := make(chan struct{})
	s.OnHangup(func() { close(hungUp) })
	reading := run(s, func(*Task) {
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
	})
	writing := make(chan error)
	go func() {
		_, err := s.Write(make([]byte, 64<<20))
		writing <- err
	}()
	s.Close()
	<-reading
	<-hungUp
	if err := <-writing; !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := s.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
	if _, err := s.Release(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("release after close: %v", err)
	}
}

func TestOnHangup(t *testing.T) {
	l := newLoop(t)
	s, far := pair(t, l)
	told := make(chan struct{})
	s.OnHangup(func() { close(told) })
	far.(*net.TCPConn).CloseWrite()
	<-told
	again := make(chan struct{})
	s.OnHangup(func() { close(again) })
	<-again
}

// A released connection is an ordinary one, with what the socket has not read.
func TestRelease(t *testing.T) {
	l := newLoop(t)
	s, far := pair(t, l)
	far.Write([]byte("abcdef"))
	released := make(chan net.Conn, 1)
	<-run(s, func(*Task) {
		if _, err := io.ReadFull(s, make([]byte, 3)); err != nil {
			t.Error(err)
		}
		conn, err := s.Release()
		if err != nil {
			t.Error(err)
		}
		released <- conn
	})
	conn := <-released
	defer conn.Close()
	b := make([]byte, 3)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "def" {
		t.Errorf("%q, %v", b, err)
	}
	if _, ok := conn.(*net.TCPConn); !ok {
		t.Errorf("a %T", conn)
	}
}

func TestRunning(t *testing.T) {
	if Running(context.Background()) != nil {
		t.Error("a task without one")
	}
	task := &Task{}
	if Running(context.WithoutCancel(WithTask(t.Context(), task))) != task {
		t.Error("the task is lost")
	}
}

func BenchmarkPingPong(b *testing.B) {
	l := newLoop(b)
	s, far := pair(b, l)
	run(s, func(*Task) {
		one := make([]byte, 1)
		for {
			if _, err := s.Read(one); err != nil {
				return
			}
			s.Write(one)
		}
	})
	one := make([]byte, 1)
	for b.Loop() {
		far.Write(one)
		if _, err := io.ReadFull(far, one); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
}
