package mongowire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/query/value"
)

const (
	loginTime = 30 * time.Second // to prove who it is
	writeTime = 60 * time.Second // to take a reply
)

// conn is one client's connection. Its commands run one after another.
type conn struct {
	server *Server
	socket net.Conn
	number int64
	ids    int32 // of replies

	user     string
	login    *login // being proven
	failures int    // of logins
}

func newConn(s *Server, socket net.Conn, number int64) *conn {
	return &conn{server: s, socket: socket, number: number}
}

// serve answers messages until the client goes away or ctx ends.
func (c *conn) serve(ctx context.Context) {
	defer c.socket.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// One message is read ahead, so that a client that goes away is noticed while its command runs.
	messages := make(chan *message)
	_ = c.socket.SetReadDeadline(time.Now().Add(loginTime))
	signedIn := make(chan struct{})
	go func(signedIn <-chan struct{}) {
		defer close(messages)
		defer cancel()
		c.read(ctx, messages, signedIn)
	}(signedIn)
	out := bufio.NewWriterSize(c.socket, 64<<10)
	for m := range messages {
		doc, err := c.answer(ctx, m)
		if err != nil {
			return
		}
		if c.user != "" && signedIn != nil {
			close(signedIn)
			_ = c.socket.SetReadDeadline(time.Time{})
			signedIn = nil
		} else if signedIn != nil {
			// A driver watches the server on connections that never sign in: they greet every few seconds.
			_ = c.socket.SetReadDeadline(time.Now().Add(loginTime))
		}
		if m.noReply {
			continue
		}
		c.ids++
		c.socket.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := out.Write(m.appendReply(nil, c.ids, doc)); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		if c.failures >= maxLoginFailures {
			return
		}
	}
}

// read sends what the client sends to messages.
func (c *conn) read(ctx context.Context, messages chan<- *message, signedIn <-chan struct{}) {
	in := bufio.NewReaderSize(c.socket, 64<<10)
	for {
		// The size allowed depends on who is asking, so it is known only when the message is about to come.
		if _, err := in.Peek(1); err != nil {
			return
		}
		limit := maxBeforeLogin
		select {
		case <-signedIn:
			limit = maxMessage
		default:
		}
		m, err := readMessage(in, limit)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.server.logger.Debug("mongo: a connection ended", "client", c.socket.RemoteAddr(), "error", err)
			}
			return
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

// answer runs the command of a message and returns the reply's document. An error ends the connection.
func (c *conn) answer(ctx context.Context, m *message) (doc []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.logger.Error("mongo: a command panicked", "panic", p, "stack", string(debug.Stack()))
			doc, err = encode(failf(codeInternalError, "something went wrong on the server").document())
		}
	}()
	it := value.Elements(m.body)
	key, v, ok := it.Next()
	if !ok {
		return encode(failf(codeFailedToParse, "no command name").document())
	}
	cmd := &command{name: string(key), argument: v, message: m, conn: c, database: m.database}
	if !m.legacy {
		cmd.database, _ = cmd.field("$db").StringValueOK()
		if cmd.database == "" {
			return encode(failf(codeMissingField, "the command names no $db").document())
		}
	} else if v.Type == bson.TypeEmbeddedDocument && (cmd.name == "$query" || cmd.name == "query") {
		m.body = v.Value
		return c.answer(ctx, m)
	}
	reply, err := cmd.run(ctx)
	if err == nil {
		return reply, nil
	}
	f := asFailure(err)
	if f.code == codeInternalError {
		c.server.logger.Error("mongo: a command failed", "command", cmd.name, "user", c.user, "error", err)
	}
	return encode(f.document())
}

// encode marshals a reply that Go code wrote.
func encode(d bson.D) ([]byte, error) { return bson.Marshal(d) }

// ok is a reply that says no more than that all went well.
func ok(fields ...bson.E) ([]byte, error) {
	return encode(append(bson.D(fields), bson.E{Key: "ok", Value: 1.0}))
}

// caller returns who the connection acts for, as it is at this moment.
func (c *conn) caller(ctx context.Context) (yunduo.Caller, error) {
	if c.user == "" {
		return yunduo.Caller{}, failf(codeUnauthorized, "Command requires authentication")
	}
	caller, _, err := c.server.options.Credentials.Credential(ctx, c.user)
	if err != nil {
		return caller, &failure{code: codeUnauthorized, message: "the key that this connection signed in with is not valid any more", cause: err}
	}
	if host, _, err := net.SplitHostPort(c.socket.RemoteAddr().String()); err == nil {
		caller.ClientIP = host
	}
	return caller, nil
}

// documents returns the caller's session on the app that the command's database is.
func (c *command) documents(ctx context.Context) (*documents.Session, error) {
	caller, err := c.conn.caller(ctx)
	if err != nil {
		return nil, err
	}
	app := yunduo.AppID(c.database)
	if !caller.MayManage(app) {
		return nil, failf(codeUnauthorized, "not authorized on %s to execute command { %s }: this key belongs to the app %q", c.database, c.name, string(caller.App))
	}
	s := c.conn.server.options.Documents.AsApp(caller, app)
	if c.inTx {
		return s.InTransaction(c.session.transaction)
	}
	return s, nil
}
