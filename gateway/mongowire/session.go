package mongowire

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/data/query/value"
)

const (
	maxSessions = 10_000    // of one user
	maxKept     = 256 << 10 // bytes of a reply that is kept for those who ask again
	maxKeptAll  = 64 << 20  // bytes of all of them
)

// session is what a client's logical session remembers: the transaction or the write that its last number stands for.
type session struct {
	key, user string
	turn      chan struct{} // holds one token: numbered commands run one after another

	number      int64 // of the last transaction or retryable write, 0 before any
	state       state
	transaction string             // in the document service
	docs        *documents.Session // on the transaction's app
	reply       []byte             // of the last retryable write
	lost        bool               // the reply was not kept

	used time.Time // guarded by sessions.mu
}

type state int

const (
	none state = iota
	running
	committed
	aborted
)

// sessions are the sessions of all clients.
type sessions struct {
	timeout time.Duration
	kept    atomic.Int64 // bytes of replies

	mu     sync.Mutex
	byKey  map[string]*session
	byUser map[string]int
}

func newSessions(timeout time.Duration) *sessions {
	return &sessions{timeout: timeout, byKey: map[string]*session{}, byUser: map[string]int{}}
}

// get returns the session, which is made at its first use.
func (a *sessions) get(user, id string) (*session, error) {
	key := user + "\x00" + id
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byKey[key]
	if s == nil {
		if a.byUser[user] >= maxSessions {
			return nil, failf(codeTooManySessions, "this key has %d open sessions", maxSessions)
		}
		s = &session{key: key, user: user, turn: make(chan struct{}, 1)}
		a.byKey[key] = s
		a.byUser[user]++
	}
	s.used = time.Now()
	return s, nil
}

// remove takes sessions away and aborts what they have begun.
func (a *sessions) remove(which func(*session) bool) {
	a.mu.Lock()
	var ending []*session
	for key, s := range a.byKey {
		if which(s) {
			ending = append(ending, s)
			delete(a.byKey, key)
			if a.byUser[s.user]--; a.byUser[s.user] == 0 {
				delete(a.byUser, s.user)
			}
		}
	}
	a.mu.Unlock()
	for _, s := range ending {
		s.turn <- struct{}{}
		s.abort()
		a.forget(s)
		<-s.turn
	}
}

// expire removes the sessions that nobody used for a while.
func (a *sessions) expire(now time.Time) {
	a.remove(func(s *session) bool { return now.Sub(s.used) > a.timeout })
}

func (a *sessions) closeAll() { a.remove(func(*session) bool { return true }) }

// keep remembers the reply of a write.
func (a *sessions) keep(s *session, reply []byte) {
	if len(reply) > maxKept || a.kept.Add(int64(len(reply))) > maxKeptAll {
		if len(reply) <= maxKept {
			a.kept.Add(-int64(len(reply)))
		}
		s.lost = true
		return
	}
	s.reply = reply
}

func (a *sessions) forget(s *session) {
	a.kept.Add(-int64(len(s.reply)))
	s.reply, s.lost = nil, false
}

// abort ends a transaction that runs.
func (s *session) abort() {
	if s.state == running {
		_ = s.docs.Abort(context.Background(), s.transaction) // it may have expired
		s.state = aborted
	}
}

// sessionID returns the identifier in an lsid document.
func sessionID(lsid bson.RawValue) (string, error) {
	doc, ok := lsid.DocumentOK()
	if ok {
		id, _ := value.Field(doc, "id")
		if _, data, isBinary := id.BinaryOK(); isBinary && len(data) == 16 {
			return string(data), nil
		}
	}
	return "", failf(codeBadValue, "lsid: a session is named by {id: UUID}")
}

// enterSession finds the command's session and, if the command is numbered, waits for its turn.
func (c *command) enterSession(e entry) (release func(), err error) {
	release = func() {}
	lsid := c.field("lsid")
	if lsid.Type == 0 {
		return release, nil
	}
	id, err := sessionID(lsid)
	if err != nil {
		return nil, err
	}
	if c.session, err = c.conn.server.sessions.get(c.conn.user, id); err != nil {
		return nil, err
	}
	if c.field("txnNumber").Type == 0 {
		return release, nil
	}
	c.session.turn <- struct{}{}
	return func() { <-c.session.turn }, nil
}

// number returns the command's transaction number.
func (c *command) number() (int64, error) {
	v := c.field("txnNumber")
	if v.Type == 0 || c.session == nil {
		return 0, failf(codeInvalidOptions, "a transaction needs both lsid and txnNumber")
	}
	return asCount("txnNumber", v)
}

// once runs a write, or returns what it returned before if it is sent again under the same number.
func (c *command) once(run func() ([]byte, error)) ([]byte, error) {
	if c.session == nil || c.field("txnNumber").Type == 0 {
		return run()
	}
	number, err := c.number()
	if err != nil {
		return nil, err
	}
	s, all := c.session, c.conn.server.sessions
	switch {
	case number < s.number:
		return nil, failf(codeTransactionTooOld, "the session has gone on to number %d", s.number)
	case number == s.number && s.state != none:
		return nil, failf(codeConflictingOperation, "number %d is a transaction", number)
	case number == s.number && s.lost:
		return nil, failf(217, "the write was done, but its large reply was not kept")
	case number == s.number && s.reply != nil:
		return s.reply, nil
	}
	s.abort()
	all.forget(s)
	s.number, s.state = number, none
	reply, err := run()
	if err == nil {
		all.keep(s, reply)
	}
	return reply, err
}

func startSession(_ context.Context, _ *command, _ *documents.Session) ([]byte, error) {
	id := bson.NewObjectID()
	data := append(id[:], 0, 0, 0, 0)
	return ok(bson.E{Key: "id", Value: bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: data}}}}, bson.E{Key: "timeoutMinutes", Value: int32(sessionMinutes)})
}

func refreshSessions(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	ids, err := asList(c.name, c.argument)
	if err != nil {
		return nil, err
	}
	for _, doc := range ids {
		id, err := sessionID(value.Document(doc))
		if err != nil {
			return nil, err
		}
		if _, err := c.conn.server.sessions.get(c.conn.user, id); err != nil {
			return nil, err
		}
	}
	return ok()
}

// endSessions ends the caller's own sessions, with their cursors and transactions.
func endSessions(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	ids, err := asList(c.name, c.argument)
	if err != nil {
		return nil, err
	}
	ending := map[string]bool{}
	for _, doc := range ids {
		id, err := sessionID(value.Document(doc))
		if err != nil {
			return nil, err
		}
		ending[c.conn.user+"\x00"+id] = true
	}
	c.conn.server.cursors.removeOf(ending)
	c.conn.server.sessions.remove(func(s *session) bool { return ending[s.key] })
	return ok()
}
