package mongowire

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
)

// kind is what a command needs before it runs.
type kind int

const (
	open     kind = iota // nothing: greetings and logins
	signedIn             // who is asking
	reading              // an app
	writing              // an app, and may be sent again under its transaction number
)

// handler answers a command with the document of the reply. docs is nil unless the command is about an app.
type handler func(ctx context.Context, c *command, docs *documents.Session) ([]byte, error)

type entry struct {
	kind   kind
	inTx   bool // may be part of a transaction
	handle handler
}

// commands is the table of all that is understood, by lower-case name: old clients differ in case.
var commands map[string]entry

func init() { // not in the declaration: handlers refer to the table
	commands = map[string]entry{
		"hello": {open, false, hello}, "ismaster": {open, false, hello}, "ping": {open, false, ping},
		"buildinfo": {open, false, buildInfo}, "whatsmyuri": {open, false, whatsMyURI},
		"connectionstatus": {open, false, connectionStatus},
		"saslstart":        {open, false, saslStart}, "saslcontinue": {open, false, saslContinue}, "logout": {open, false, logout},

		"getparameter": {signedIn, false, getParameter}, "hostinfo": {signedIn, false, hostInfo},
		"getlog": {signedIn, false, getLog}, "serverstatus": {signedIn, false, serverStatus},
		"getcmdlineopts": {signedIn, false, getCmdLineOpts}, "listdatabases": {signedIn, false, listDatabases},
		"renamecollection": {signedIn, false, renameCollection},
		"replsetgetstatus": {signedIn, false, replSetGetStatus}, "listcommands": {signedIn, false, listCommands},
		"startsession": {signedIn, false, startSession}, "endsessions": {signedIn, false, endSessions},
		"refreshsessions": {signedIn, false, refreshSessions}, "killsessions": {signedIn, false, endSessions},
		"committransaction": {signedIn, true, endTransaction}, "aborttransaction": {signedIn, true, endTransaction},

		"find": {reading, true, find}, "getmore": {reading, true, getMore}, "killcursors": {reading, true, killCursors},
		"aggregate": {reading, true, aggregate}, "count": {reading, true, count}, "distinct": {reading, true, distinct},
		"explain": {reading, false, explain},
		"insert":  {writing, true, insert}, "update": {writing, true, update}, "delete": {writing, true, remove},
		"findandmodify": {writing, true, findAndModify},

		"create": {reading, false, create}, "drop": {reading, false, drop}, "dropdatabase": {reading, false, dropDatabase},
		"listcollections": {reading, false, listCollections}, "listindexes": {reading, false, listIndexes},
		"createindexes": {reading, false, createIndexes}, "dropindexes": {reading, false, dropIndexes},
		"collstats": {reading, false, collStats}, "dbstats": {reading, false, dbStats}, "validate": {reading, false, validate},
	}
}

// run does what the command asks and returns the reply's document.
func (c *command) run(ctx context.Context) ([]byte, error) {
	e, known := commands[strings.ToLower(c.name)]
	if !known {
		return nil, failf(codeCommandNotFound, "no such command: '%s'", c.name)
	}
	limit, err := c.timeLimit()
	if err != nil {
		return nil, err
	}
	if queries[strings.ToLower(c.name)] {
		limit = c.conn.server.bounded(limit)
	}
	if limit > 0 && !strings.EqualFold(c.name, "getMore") { // whose limit is how long it waits for data
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if e.kind == open {
		return e.handle(ctx, c, nil)
	}
	if _, err := c.conn.caller(ctx); err != nil {
		return nil, err
	}
	release, err := c.enterSession(e)
	if err != nil {
		return nil, err
	}
	defer release()
	if e.kind == signedIn {
		return e.handle(ctx, c, nil)
	}
	return c.runOnApp(ctx, e)
}

func (c *command) runOnApp(ctx context.Context, e entry) ([]byte, error) {
	if c.field("autocommit").Type == bson.TypeBoolean {
		return c.runInTransaction(ctx, e)
	}
	docs, err := c.documents(ctx)
	if err != nil {
		return nil, err
	}
	if e.kind != writing {
		return c.stamped(ctx, docs, e)
	}
	// What a client began to write is written, even if the client goes away: it may ask again for the result.
	return c.once(func() ([]byte, error) {
		writing := context.WithoutCancel(ctx)
		if at, limited := ctx.Deadline(); limited {
			var cancel context.CancelFunc
			writing, cancel = context.WithDeadline(writing, at)
			defer cancel()
		}
		return c.stamped(writing, docs, e)
	})
}

// queries are the commands that only read documents, for whose time there is a setting.
var queries = map[string]bool{"find": true, "aggregate": true, "count": true, "distinct": true, "explain": true}

// bounded is a time limit that a client gave, 0 for none, within the server's setting.
func (s *Server) bounded(limit time.Duration) time.Duration {
	if most := s.options.QueryTime; most > 0 && (limit == 0 || limit > most) {
		return most
	}
	return limit
}

// stamped runs the command and adds to its reply the time that later change streams may start from.
func (c *command) stamped(ctx context.Context, docs *documents.Session, e entry) ([]byte, error) {
	reply, err := e.handle(ctx, c, docs)
	if err != nil || c.inTx || c.conn.server.options.Remote {
		return reply, err
	}
	return withOperationTime(ctx, c, docs, reply)
}
