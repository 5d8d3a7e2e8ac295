// Package runtime says what it takes to load a bundle of code and to run events through it, whatever the language
// and the isolation.
package runtime

import (
	"context"
	"encoding/json"
	"net"
	"time"

	"yunduo"
	"yunduo/internal/eventloop"
)

// Runtime turns bundles into programs. It is safe for concurrent use.
type Runtime interface {
	// Load makes a program of a bundle. It evaluates nothing yet and is cheap; code that cannot be loaded shows in
	// Check or in the first Invoke as function_load_failed.
	Load(ctx context.Context, bundle Bundle) (Program, error)
	// Check loads the bundle in a sandbox of its own and reports what a deployment must know.
	// function_load_failed carries the message and stack of the author's code.
	Check(ctx context.Context, bundle Bundle) (CheckReport, error)
	// Close ends every program and process.
	Close(ctx context.Context) error
}

// Program is one version of a function, ready to be invoked. It is safe for concurrent use.
type Program interface {
	// Invoke runs one event and waits for its result. Errors: function_error (user code threw: message and stack),
	// function_load_failed, function_timeout, function_killed, function_result_too_large, function_busy.
	// When ctx ends the invocation is stopped.
	Invoke(ctx context.Context, invocation *Invocation) (Result, error)
	// Open begins an invocation that is an exchange of HTTP/1.1 with a server in the code, or with what stands for one.
	// What is written to the connection is what the server reads; the invocation starts with the first byte. Reading
	// fails with the reasons of Invoke. over is called once, when the invocation has ended; a connection that is closed
	// before its first byte has one, too. When ctx ends, the code learns that its client is gone.
	Open(ctx context.Context, invocation *Invocation, over func(Result, error)) net.Conn
	// Close takes no new invocations, lets the running ones end until ctx does, and then stops the processes.
	Close(ctx context.Context) error
}

// Bundle is the immutable code of one version with its settings.
type Bundle struct {
	App      yunduo.AppID
	Function string
	Version  string
	// Code is the script in CommonJS form, wrapped by the runtime; nil when the folder is used as it is (unbundled).
	Code []byte
	// SourceMap of Code, nil if there is none; stack traces are mapped through it.
	SourceMap []byte
	// Folder is the function's folder with its assets (and node_modules when unbundled), mounted read-only as the
	// working directory; empty when the function has no files besides Code.
	Folder string
	// Entry is the module inside Folder that exports the handler when unbundled, such as "index.js".
	Entry string
	// Handler is the name of the exported function, normally "main".
	Handler string
	Env     map[string]string
	Limits  Limits
	// Serves says that the exported function takes HTTP requests, (request, response), and not events. Servers that
	// listen and applications of known frameworks are recognised without it.
	Serves bool
	// Exclusive forbids a second slot in the same process: the code shares state through globals.
	Exclusive bool
	// Official says that the code brings the vendor's SDKs along: their names are not the platform's, and the platform
	// itself can be reached over the network.
	Official bool
	// Fetches says that the code loads the runtime's own fetch, as CheckReport does: its first call is the sooner answered.
	Fetches bool
	// Concurrency is how many requests one slot may run at the same time; 0 means one.
	Concurrency int
}

// Limits bound one invocation. Zero values mean the runtime's defaults.
type Limits struct {
	Timeout   time.Duration // wall clock, 60 s by default
	HeapBytes int64
	CPU       time.Duration // processor time of all threads, twice the timeout by default
	// Grace is how long started work may go on after the reply.
	Grace time.Duration
}

// CheckReport is what loading a bundle once told.
type CheckReport struct {
	Exports  []string
	Server   bool // the code takes HTTP requests by itself: it listens, or exports an application
	Fetches  bool // it loads the runtime's own fetch, or is likely to in its first call
	Duration time.Duration
	Warnings []string
}

// Invocation is one run of a function.
type Invocation struct {
	ID        string
	RequestID string
	Caller    yunduo.Caller // Role function, carrying the end user on whose behalf the code runs
	Event     json.RawMessage
	Deadline  time.Time // zero: now plus the bundle's timeout
	// Env are environment variables of this invocation alone. Only code that has its process for itself sees them.
	Env map[string]string
	// Idle is how long an exchange may be silent after its first byte of reply, if that is longer than the timeout.
	Idle time.Duration
	// TraceParent is the invocation's place in a trace that goes beyond this server, as in the header of this name (W3C
	// Trace Context); empty for none.
	TraceParent string
	Source      string // client, function, timer, http: what getWXContext().SOURCE tells
	// Host answers the code's SDK calls.
	Host Host
	// Log receives what the code prints, in order; it must not block for long.
	Log func(LogLine)
	// Task is the coroutine on which the invocation is made, to be parked while it waits; nil for a goroutine.
	Task *eventloop.Task
}

// Host answers what running code asks of the platform.
type Host interface {
	// Call runs an operation of the table for the invocation. request and response are JSON; attachments are raw
	// bytes of at most 4 MiB that some operations take or give.
	Call(ctx context.Context, invocation *Invocation, operation string, request json.RawMessage, attachment []byte) (response json.RawMessage, responseAttachment []byte, err error)
}

// LogLine is one line that the code printed.
type LogLine struct {
	Time    time.Time
	Level   string // debug, info, warn, error
	Message string
	// Fields is a JSON object, if the code printed one at the line's end; nil if not.
	Fields json.RawMessage
}

// Result is what an invocation gave.
type Result struct {
	JSON     json.RawMessage // the return value, "null" for none
	Cold     bool            // a process had to be specialised for it
	Queued   time.Duration   // until a process took it, also of one that failed
	Duration time.Duration   // in user code
}

// Inspectable is a Program whose process can be looked at by a debugger.
type Inspectable interface {
	// Inspect returns the address of the debugging protocol of the program's process, such as
	// "ws://127.0.0.1:40317/1f3a...", and starts the process if there is none. unsupported_call where the runtime was not
	// told that its processes may be inspected.
	Inspect(ctx context.Context) (string, error)
}

// Warmer is a Program that can have a process before its first invocation.
type Warmer interface {
	// Running reports whether a process has the code.
	Running() bool
	// Warm gets a process that has the code if there is none, and returns when it is there, cannot be had or ctx ends.
	// It evaluates nothing: the code's own first steps belong to its first invocation.
	Warm(ctx context.Context)
}

// Meter is a Program that knows what its processes use.
type Meter interface {
	Usage() Usage
}

// Usage is what the processes of a program use, beyond what every process takes to start. Zero is also what is not known.
type Usage struct {
	CPU    time.Duration // of all processes since the program was loaded, also of those that have ended
	Memory int64         // bytes that those that run now have for themselves
}
