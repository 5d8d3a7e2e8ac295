package functions

import (
	"context"
	"net"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// How long an exchange may be silent once the code has begun to reply.
const (
	replyIdle  = time.Minute
	socketIdle = 10 * time.Minute
)

// ConnectOptions say more about an HTTP exchange.
type ConnectOptions struct {
	// Public lets callers without credentials in and asks no rules: the route says that anybody may.
	Public bool
	// Upgrade says that the connection is meant to become another protocol, such as WebSocket, and to stay.
	Upgrade bool
	// Over is told what the code has printed until the invocation had ended, and why it failed; nil if nobody asks.
	Over func(lines []runtime.LogLine, err error)
}

// Connect returns a connection to the live version of a function on which one HTTP/1.1 exchange takes place, with the
// identity of the end user on whose behalf the caller calls. The caller must close it. The invocation begins with the
// first byte written; reading fails with the reasons of Invoke. Errors: those of Invoke that say who may call what.
func (s *Service) Connect(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, o ConnectOptions) (net.Conn, error) {
	invocation, err := s.admit(ctx, caller, app, name, InvokeOptions{Source: SourceHTTP, Public: o.Public})
	if err != nil {
		return nil, err
	}
	p, err := s.acquire(ctx, &invocation.Caller, name)
	if err != nil {
		return nil, err
	}
	end, err := s.equip(ctx, p, invocation, exchangeLife)
	if p.failure != nil {
		err = p.failure
	}
	if err != nil {
		s.record(ctx, invocation, p).finish(p, 0, runtime.Result{}, err)
		p.release()
		return nil, err
	}
	if invocation.Idle = replyIdle; o.Upgrade {
		invocation.Idle = socketIdle
	}
	rec := s.record(ctx, invocation, p)
	if p.figures.wish.Load().take(rec.started) {
		rec.taping = &taping{http: true}
	}
	conn := p.code.Open(ctx, invocation, func(result runtime.Result, err error) {
		end(err == nil)
		err = p.hideIn(err)
		rec.finish(p, elapsed()-rec.begun, result, err)
		if rec.taping != nil {
			rec.half()
		}
		if o.Over != nil {
			o.Over(rec.printed(), err)
		}
		p.release()
	})
	if rec.taping != nil {
		conn = &tapedConn{Conn: conn, recording: rec}
	}
	return p.discreet(conn), nil
}
