package wire

import (
	"encoding/json"
	"time"
)

// InvokeRequest runs a function with an event.
type InvokeRequest struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data,omitempty"`
}

// InvokeResponse holds the return value as the function's JSON text.
type InvokeResponse struct {
	Result json.RawMessage `json:"result"`
}

// AppendJSON encodes the response without scanning the result again.
func (r *InvokeResponse) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"result":`...)
	dst = append(dst, r.Result...)
	return append(dst, '}')
}

// StartRequest accepts an invocation that runs by itself. The same idempotency key of the same caller is the same
// invocation.
type StartRequest struct {
	Name           string          `json:"name"`
	Data           json.RawMessage `json:"data,omitempty"`
	IdempotencyKey string          `json:"idempotencyKey,omitempty"`
	DelaySeconds   float64         `json:"delaySeconds,omitempty"` // before it begins, 30 days at most
}

// StartedRequest asks what became of an accepted invocation.
type StartedRequest struct {
	ID string `json:"id"`
}

// Started is an accepted invocation.
type Started struct {
	ID           string          `json:"id"`
	Function     string          `json:"function"`
	State        string          `json:"state" enum:"accepted,running,done,failed,lost"`
	InvocationID string          `json:"invocationId,omitempty"`
	Result       json.RawMessage `json:"result,omitempty"`
	Error        *ErrorBody      `json:"error,omitempty"`
	AcceptedAt   time.Time       `json:"acceptedAt"`
	DueAt        time.Time       `json:"dueAt"` // when it may begin
	EndedAt      *time.Time      `json:"endedAt,omitempty"`
}

// TestInvokeRequest runs a function from the console under a chosen identity.
type TestInvokeRequest struct {
	Name   string          `json:"name"`
	Event  json.RawMessage `json:"event,omitempty"`
	OpenID string          `json:"openId,omitempty"`
	Record bool            `json:"record,omitempty"` // keep all that the code is told, to run it again elsewhere
}

// TestInvokeResponse tells the result of such a run with its invocation's ID and duration.
type TestInvokeResponse struct {
	InvocationID string          `json:"invocationId"`
	Result       json.RawMessage `json:"result,omitempty"`
	Error        *ErrorBody      `json:"error,omitempty"`
	DurationMS   float64         `json:"durationMs"`
	Cold         bool            `json:"cold"`
	Lines        []LogLine       `json:"lines,omitempty"` // printed before the reply
}

// FunctionSettings are the author's choices for a function.
type FunctionSettings struct {
	TimeoutSeconds float64           `json:"timeoutSeconds,omitempty"`
	Handler        string            `json:"handler,omitempty"`
	Concurrency    int               `json:"concurrency,omitempty"`
	Env            map[string]string `json:"env,omitempty"`
	Unbundled      bool              `json:"unbundled,omitempty"`
	OfficialSDK    bool              `json:"officialSdk,omitempty"`
	Serves         bool              `json:"serves,omitempty"`
	Schema         json.RawMessage   `json:"schema,omitempty"` // JSON Schema of the event
	Triggers       []TriggerSpec     `json:"triggers,omitempty"`
}

// Routes are the routes of an app by path, each an object with function and, as needed, auth, methods, origins, bodyBytes
// and keepPath.
type Routes struct {
	Routes json.RawMessage `json:"routes"`
}

// Function describes a deployed function and its live version.
type Function struct {
	Name           string     `json:"name"`
	Version        int64      `json:"version"`
	Hash           string     `json:"hash"`
	Mode           string     `json:"mode"`
	SizeBytes      int64      `json:"sizeBytes"`
	TimeoutSeconds float64    `json:"timeoutSeconds"`
	UpdatedAt      time.Time  `json:"updatedAt"`
	Warnings       []string   `json:"warnings,omitempty"`
	Error          *ErrorBody `json:"error,omitempty"`
	Triggers       int        `json:"triggers"`
	// Live is where calls without an alias go, Aliases where the others do.
	Live    Destination            `json:"live"`
	Aliases map[string]Destination `json:"aliases,omitempty"`
	Canary  *Canary                `json:"canary,omitempty"` // the running one, or the last
	// Settings are what the author chose; absent in lists.
	Settings *FunctionSettings `json:"settings,omitempty"`
}

// Destination says where calls go: to a version, or to two of which next gets percent of the users.
type Destination struct {
	Version int64   `json:"version"`
	Next    int64   `json:"next,omitempty"`
	Percent float64 `json:"percent,omitempty"`
}

// AliasRequest makes an alias of a function lead to a version, or to two that share its calls. The alias live is that of
// calls without one.
type AliasRequest struct {
	Name    string  `json:"name"`
	Alias   string  `json:"alias"`
	Version int64   `json:"version"`
	Next    int64   `json:"next,omitempty"`
	Percent float64 `json:"percent,omitempty"` // of the users, that get next: 0 to 100
}

// CanaryRequest gives a version more and more of the live calls, step by step, while it does well. Absent fields have
// defaults.
type CanaryRequest struct {
	Name            string    `json:"name"`
	Version         int64     `json:"version"`
	Steps           []float64 `json:"steps,omitempty"`           // percentages of the users, ascending
	EverySeconds    float64   `json:"everySeconds,omitempty"`    // how long a step lasts at least
	MaxErrorPercent *float64  `json:"maxErrorPercent,omitempty"` // of the version's calls, that may fail
	MaxP99MS        float64   `json:"maxP99Ms,omitempty"`        // what 99 of 100 calls may take
	MinCalls        int64     `json:"minCalls,omitempty"`        // of the version, before a step is judged
}

// Canary is a canary of a function, the running one or the last.
type Canary struct {
	Version         int64         `json:"version"`
	Steps           []float64     `json:"steps"`
	EverySeconds    float64       `json:"everySeconds"`
	MaxErrorPercent float64       `json:"maxErrorPercent"`
	MaxP99MS        float64       `json:"maxP99Ms,omitempty"` // absent: twice what the stable version takes
	MinCalls        int64         `json:"minCalls"`
	State           string        `json:"state" enum:"running,promoted,rolled_back,stopped"`
	Message         string        `json:"message,omitempty"` // why it ended as it did
	Step            int           `json:"step"`              // from 0
	Percent         float64       `json:"percent"`           // of the users, in this step
	StartedAt       time.Time     `json:"startedAt"`
	StartedBy       string        `json:"startedBy"`
	StepAt          time.Time     `json:"stepAt"`
	EndedAt         *time.Time    `json:"endedAt,omitempty"`
	Stable          CanaryFigures `json:"stable"` // in this step
	New             CanaryFigures `json:"new"`
}

// CanaryFigures are what was measured of a version on all servers.
type CanaryFigures struct {
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	P99MS  float64 `json:"p99Ms"`
}

// FunctionDiffRequest compares two versions of a function; without them the live one with the one that was before.
type FunctionDiffRequest struct {
	Name string `json:"name"`
	From int64  `json:"from,omitempty"`
	To   int64  `json:"to,omitempty"`
}

// FunctionDiff is how one version differs from another.
type FunctionDiff struct {
	From     int64         `json:"from"`
	To       int64         `json:"to"`
	Files    []FileDiff    `json:"files"`
	Settings []SettingDiff `json:"settings"`
}

// FileDiff is a file that differs; one that is not text, or too large, has no patch.
type FileDiff struct {
	Path    string `json:"path"`
	Change  string `json:"change" enum:"added,removed,changed"`
	Patch   string `json:"patch,omitempty"` // the changed lines in the unified format
	Added   int    `json:"added"`           // lines
	Removed int    `json:"removed"`
}

// SettingDiff is a setting that differs, as JSON texts; empty where it is not set.
type SettingDiff struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// UpdateFunctionRequest changes a function. Absent fields stay as they are, and so do its triggers.
type UpdateFunctionRequest struct {
	Name           string            `json:"name"`
	Files          []DeployFile      `json:"files,omitempty"` // the whole folder
	TimeoutSeconds *float64          `json:"timeoutSeconds,omitempty"`
	Handler        *string           `json:"handler,omitempty"`
	Env            map[string]string `json:"env,omitempty"` // all of it
	OfficialSDK    *bool             `json:"officialSdk,omitempty"`
}

// FunctionsResponse lists functions by name.
type FunctionsResponse struct {
	Functions []Function `json:"functions"`
}

// FunctionRequest names a function and, where it matters, one of its versions (0 is the live one).
type FunctionRequest struct {
	Name    string `json:"name"`
	Version int64  `json:"version,omitempty"`
}

// FunctionVersion is an immutable version.
type FunctionVersion struct {
	Number    int64     `json:"number"`
	Hash      string    `json:"hash"`
	SizeBytes int64     `json:"sizeBytes"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	Live      bool      `json:"live"`
	Percent   float64   `json:"percent,omitempty"` // of the live calls that it gets
	Aliases   []string  `json:"aliases,omitempty"`
	Warnings  []string  `json:"warnings,omitempty"`
}

// FunctionVersionsResponse lists versions, newest first.
type FunctionVersionsResponse struct {
	Versions []FunctionVersion `json:"versions"`
}

// SourceFile is one file of a deployed version; binary files have no text.
type SourceFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	Text string `json:"text,omitempty"`
}

// SourceResponse lists the files of a deployed version.
type SourceResponse struct {
	Files []SourceFile `json:"files"`
}

// DeployRequest carries a function's folder: paths with slashes, content in base64.
type DeployRequest struct {
	Name     string           `json:"name"`
	Files    []DeployFile     `json:"files"`
	Settings FunctionSettings `json:"settings"`
	// Prepare makes the version without giving it calls; its triggers stay as they are, too.
	Prepare bool `json:"prepare,omitempty"`
}

// DeployFile is one file of the folder.
type DeployFile struct {
	Path    string `json:"path"`
	Content []byte `json:"content"`
}

// LogsRequest asks for invocation records, newest first.
type LogsRequest struct {
	Function string     `json:"function,omitempty"`
	Before   string     `json:"before,omitempty"`
	Limit    int        `json:"limit,omitempty"`
	Level    string     `json:"level,omitempty"`  // at least this: debug, info, warn, error; a failure is an error
	Failed   bool       `json:"failed,omitempty"` // failures only
	Search   string     `json:"search,omitempty"` // text of a line, message, reason, user, ID or request ID, in any case
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

// LogsResponse lists invocation records.
type LogsResponse struct {
	Invocations []InvocationRecord `json:"invocations"`
	// More is what before must be to go on; absent at the end. A search may go through very many records piece by piece, so
	// that there may be more although fewer were found than asked for.
	More string `json:"more,omitempty"`
}

// InvocationRecord is what is kept of one run.
type InvocationRecord struct {
	ID         string    `json:"id"`
	Function   string    `json:"function"`
	Version    int64     `json:"version"`
	Source     string    `json:"source"`
	User       string    `json:"user,omitempty"`
	RequestID  string    `json:"requestId,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	DurationMS float64   `json:"durationMs"`
	Cold       bool      `json:"cold"`
	Reason     string    `json:"reason,omitempty"`
	Message    string    `json:"message,omitempty"`
	Stack      string    `json:"stack,omitempty"` // of one record alone
	Lines      []LogLine `json:"lines,omitempty"`
	Trace      *Trace    `json:"trace,omitempty"` // of one record alone
}

// InvocationRequest names one invocation.
type InvocationRequest struct {
	ID string `json:"id"`
}

// TraceResponse is an invocation and those that it made through the platform, and they.
type TraceResponse struct {
	InvocationRecord
	Children []TraceResponse `json:"children,omitempty"`
}

// Trace tells where the time of an invocation went. Spans that make others begin before them.
type Trace struct {
	TraceID   string      `json:"traceId"`
	GatewayMS float64     `json:"gatewayMs"` // from the request's arrival until the invocation began
	QueueMS   float64     `json:"queueMs"`   // from there until a process took it
	RunMS     float64     `json:"runMs"`     // in the process
	Calls     []TraceCall `json:"calls"`     // of the platform, by the code
	Omitted   int         `json:"omitted,omitempty"`
	Parent    string      `json:"parent,omitempty"` // the invocation that made this one
}

// TraceCall is one call of the platform by running code.
type TraceCall struct {
	Operation string      `json:"operation"`
	Target    string      `json:"target,omitempty"` // collection or function
	Plans     []TracePlan `json:"plans,omitempty"`
	StartMS   float64     `json:"startMs"` // since the invocation began
	TookMS    float64     `json:"tookMs"`
	Reason    string      `json:"reason,omitempty"`
	Child     string      `json:"child,omitempty"` // the invocation that it made
}

// TracePlan is how documents of a collection were found: by an index, by "_id", or, without an index, by reading all.
type TracePlan struct {
	Collection string `json:"collection"`
	Index      string `json:"index,omitempty"`
}

// LogLine is one line that a function printed.
type LogLine struct {
	Time    time.Time       `json:"time"`
	Level   string          `json:"level"`
	Message string          `json:"message"`
	Fields  json.RawMessage `json:"fields,omitempty"` // of an object that was printed at its end
}
