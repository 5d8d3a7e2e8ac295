// Package api is the operation table: what can be asked of the platform, who may ask, and the handler that asks the
// rooms. Every surface (HTTP, the official SDKs' protocol, function code) only translates to these operations.
package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"reflect"
	"sort"
	"sync"
	"time"

	"yunduo"
	"yunduo/apps"
	"yunduo/auth"
	"yunduo/data/documents"
	"yunduo/functions"
	"yunduo/internal/eventloop"
	"yunduo/releases"
	"yunduo/storage"
	"yunduo/triggers"
	"yunduo/wechat"
	"yunduo/wire"
)

// Rooms are the rooms that operations ask.
type Rooms struct {
	Apps      *apps.Registry
	Auth      *auth.Service
	Documents *documents.DB
	Storage   *storage.Store
	Functions *functions.Service
	Triggers  *triggers.Scheduler
	Releases  *releases.Service
	WeChat    *wechat.Service
	// Backup writes a backup of the server to out; known is the manifest of an earlier one, so that what that has is not
	// sent again. nil if this server cannot.
	Backup func(ctx context.Context, known io.Reader, out io.Writer) error
}

// Access says who may call an operation.
type Access int

// The kinds of access, each including the more powerful callers.
const (
	Public       Access = iota // anybody, without credentials
	SignedIn                   // any caller of the app
	Privileged                 // code of the app and who administers it
	FunctionOnly               // running code of the app
	Owner                      // who administers the app
	Operator                   // who administers the server
)

// Names of the kinds of access, for the OpenAPI document.
func (a Access) String() string {
	return [...]string{"public", "signed in", "function code and app owner", "function code", "app owner", "operator"}[a]
}

// Operation is a row of the table.
type Operation struct {
	Name     string // room and verb, such as documents.find
	Summary  string
	Access   Access
	Request  reflect.Type
	Response reflect.Type
	handle   func(ctx context.Context, a *API, call *Call) (any, error)
}

// Call is one use of an operation.
type Call struct {
	Caller  yunduo.Caller
	App     yunduo.AppID // the app the operation is about
	Request json.RawMessage
	// Input is the request as the operation's own type, a pointer, from a surface that has no text of it; it goes before
	// Request.
	Input any
	// BaseURL is how the caller reaches the server, such as "https://example.com"; addresses in replies begin with it.
	BaseURL string
	// Body is what an operation that takes a whole file reads, Reply where one that gives a file writes it. What was
	// written before an error is only a part.
	Body  io.Reader
	Reply io.Writer
	// Device and Lasting are how a session begins: on which device, and whether its refresh token stays.
	Device  string
	Lasting bool
	// Key, if not empty, is the client's name of this request: however often it is sent, it is carried out once.
	Key string
	// Task is the coroutine on which the call is made, nil on an ordinary goroutine. Only the goroutine that makes the
	// call may use it.
	Task *eventloop.Task
	// Attachment carries raw bytes in and out, for function code only.
	Attachment         []byte
	ResponseAttachment []byte
}

// API is the table bound to the rooms. It is safe for concurrent use.
type API struct {
	rooms  Rooms
	logger *slog.Logger
	now    func() time.Time
	info   Info

	operations map[string]*Operation
	outcomes   *documents.Records[outcome]
	uploads    uploads
	restores   *restores
	streams    sync.WaitGroup
}

// Info is what the server tells about itself.
type Info struct {
	// QueryTime is how long a request that reads documents may take, and the most that its sender may ask for; 0 is no
	// limit.
	QueryTime time.Duration
	Isolation string // how functions are kept apart
	Version   string
}

// New binds the table to the rooms.
func New(rooms Rooms, info Info, logger *slog.Logger) *API {
	a := &API{rooms: rooms, logger: logger, now: time.Now, info: info, operations: map[string]*Operation{}, outcomes: newOutcomes(rooms.Documents), restores: newRestores()}
	for _, rows := range [][]*Operation{
		documentOperations(), collectionOperations(), functionOperations(), fileOperations(), authOperations(), accountOperations(), manageOperations(),
		triggerOperations(), ruleOperations(), recoveryOperations(), transferOperations(), releaseOperations(), wechatOperations(), secretOperations(),
	} {
		for _, o := range rows {
			a.operations[o.Name] = o
		}
	}
	return a
}

// Close ends what function code has left open and waits for it.
func (a *API) Close() {
	a.uploads.closeAll()
	a.restores.close()
	a.streams.Wait()
}

// Operations lists the table by name.
func (a *API) Operations() []*Operation {
	list := make([]*Operation, 0, len(a.operations))
	for _, o := range a.operations {
		list = append(list, o)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// Do checks access and runs an operation. Errors: unknown_operation, token_missing, token_invalid,
// permission_denied, malformed_json, invalid_request, and those of the room.
func (a *API) Do(ctx context.Context, name string, call *Call) (any, error) {
	ctx, end := a.note(ctx, call, name, "")
	response, err := a.do(ctx, name, call)
	if end != nil {
		end(err)
	}
	return response, err
}

func (a *API) do(ctx context.Context, name string, call *Call) (any, error) {
	o, ok := a.operations[name]
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "there is no operation %q", name)
	}
	if err := o.admit(call); err != nil {
		return nil, err
	}
	if o.Access != Operator { // which make and remove apps
		if err := a.exists(ctx, call); err != nil {
			return nil, err
		}
	}
	if call.Key != "" && keyed[name] {
		return a.once(ctx, call, name, call.Request, func(ctx context.Context) (any, error) { return o.handle(ctx, a, call) })
	}
	return o.handle(ctx, a, call)
}

// exists makes sure that there is the app a call is about. Credentials outlive an app that was deleted and may come
// back; an operator's hold for any name, and nothing must be made in an app that there is not.
func (a *API) exists(ctx context.Context, call *Call) error {
	if call.App == "" {
		return nil
	}
	return a.rooms.Apps.Exists(ctx, call.App)
}

func (o *Operation) admit(call *Call) error {
	c := call.Caller
	if o.Access == Public {
		return nil
	}
	if c.Role == "" {
		return yunduo.Errorf(yunduo.ReasonTokenMissing, "%s needs credentials: send an access token or API key as \"Authorization: Bearer ...\"", o.Name)
	}
	if call.App == "" {
		call.App = c.App // a call that names no app is about the caller's own
	}
	if c.App != call.App && !c.Operator() && c.Role != yunduo.RoleSystem {
		return yunduo.Errorf(yunduo.ReasonTokenInvalid, "these credentials belong to another app")
	}
	var may bool
	switch o.Access {
	case SignedIn:
		may = true
	case Privileged:
		may = c.Privileged()
	case FunctionOnly:
		may = c.Role == yunduo.RoleFunction
	case Owner:
		may = c.MayManage(call.App)
	case Operator:
		may = c.Operator() || c.Role == yunduo.RoleSystem
	}
	if !may {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "%s may be called by %s only", o.Name, o.Access)
	}
	return nil
}

// row makes an operation whose request is decoded into Req.
func row[Req, Res any](name string, access Access, summary string, handle func(ctx context.Context, a *API, call *Call, req *Req) (Res, error)) *Operation {
	return &Operation{
		Name: name, Summary: summary, Access: access,
		Request: reflect.TypeFor[Req](), Response: reflect.TypeFor[Res](),
		handle: func(ctx context.Context, a *API, call *Call) (any, error) {
			req, ok := call.Input.(*Req)
			if !ok {
				req = new(Req)
				if err := Decode(call.Request, req); err != nil {
					return nil, err
				}
			}
			if limited, ok := any(req).(wire.TimeLimited); ok {
				return a.limited(ctx, call, limited, func(ctx context.Context) (any, error) { return handle(ctx, a, call, req) })
			}
			return handle(ctx, a, call, req)
		},
	}
}

// Encode returns the JSON text of a response.
func Encode(response any) ([]byte, error) {
	if r, ok := response.(wire.AppendJSON); ok {
		return r.AppendJSON(nil), nil
	}
	return json.Marshal(response)
}
