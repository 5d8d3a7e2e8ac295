package functions

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// Bounds on recorded calls.
const (
	maxTapeBytes   = 4 << 20            // of one
	maxTapeText    = 12 << 20           // as it is stored
	tapeAge        = 7 * 24 * time.Hour // how long they are kept
	maxTapes       = 200                // of an app; the oldest are dropped
	maxTapeCalls   = 100                // that are recorded for one wish
	tapeWish       = time.Hour          // how long a wish holds
	tapeVersion    = 1
	redacted       = "[redacted]"
	tapeCollection = "function_recordings"
)

// Tape is an invocation with everything that it was told: enough to run it again elsewhere. Values whose names say that
// they are secret are left out.
type Tape struct {
	Format          int          `json:"format"`
	InvocationID    string       `json:"invocationId"`
	App             yunduo.AppID `json:"app"`
	Function        string       `json:"function"`
	FunctionVersion int64        `json:"functionVersion"`
	StartedAt       time.Time    `json:"startedAt"`
	Source          string       `json:"source"`
	RequestID       string       `json:"requestId,omitempty"`
	Caller          TapeCaller   `json:"caller"`
	// Env are the variables that were set for the function beside its deployment.
	Env    map[string]string `json:"env,omitempty"`
	Event  json.RawMessage   `json:"event"`
	HTTP   *TapeExchange     `json:"http,omitempty"` // instead of event and result
	Calls  []TapeCall        `json:"calls"`          // in the order in which they were answered
	Result json.RawMessage   `json:"result,omitempty"`
	Error  *TapeError        `json:"error,omitempty"`
	// Truncated says that the invocation was told more than is kept: it cannot be replayed to its end.
	Truncated bool `json:"truncated,omitempty"`
}

// TapeCaller is the end user for whom the invocation ran.
type TapeCaller struct {
	UserID      string `json:"userId,omitempty"`
	OpenID      string `json:"openId,omitempty"`
	UnionID     string `json:"unionId,omitempty"`
	WeChatAppID string `json:"wechatAppId,omitempty"`
	Provider    string `json:"provider,omitempty"`
	Username    string `json:"username,omitempty"`
	ClientIP    string `json:"clientIp,omitempty"`
}

// TapeCall is one call of the platform and its answer.
type TapeCall struct {
	Operation  string          `json:"operation"`
	Request    json.RawMessage `json:"request"`
	Response   json.RawMessage `json:"response,omitempty"`
	Attachment []byte          `json:"attachment,omitempty"` // that came with the response
	Error      *TapeError      `json:"error,omitempty"`
}

// TapeError is why something failed.
type TapeError struct {
	Reason  yunduo.Reason `json:"reason"`
	Message string        `json:"message"`
}

// TapeInfo is a recorded call in a list.
type TapeInfo struct {
	ID       string
	Function string
	At       time.Time
	Bytes    int
}

// tapeRecord is a Tape as it is stored: sealed, because it holds what users sent and were sent.
type tapeRecord struct {
	ID       string       `bson:"_id"` // as those of logs
	App      yunduo.AppID `bson:"app"`
	Function string       `bson:"function"`
	At       time.Time    `bson:"at"`
	Bytes    int          `bson:"bytes"`
	Sealed   []byte       `bson:"sealed"`
}

// wish is the wish to record calls of a function.
type wish struct {
	left  atomic.Int64
	until time.Time
}

// take reports whether the wish includes one more call.
func (w *wish) take(now time.Time) bool {
	return w != nil && now.Before(w.until) && w.left.Add(-1) >= 0
}

type tapes struct {
	records *documents.Records[tapeRecord]
	sealer  *documents.Sealer // nil if nothing can be recorded
}

func openTapes(db *documents.DB, key []byte) (*tapes, error) {
	t := &tapes{records: documents.NewRecords[tapeRecord](db, tapeCollection, documents.RecordOptions{Silent: true, Indexes: []driver.Index{
		{Name: "age", Fields: []driver.IndexField{{Path: "at"}}, ExpireAfter: tapeAge},
	}})}
	if key == nil {
		return t, nil
	}
	var err error
	t.sealer, err = documents.NewSealer(key)
	return t, err
}

// Record lets the next calls of a function on this machine be recorded, for an hour at most; 0 ends that. Reasons:
// permission_denied, function_not_found, invalid_request, unsupported_call.
func (s *Service) Record(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, calls int) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	if calls < 0 || calls > maxTapeCalls {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "calls: %d is not between 0 and %d", calls, maxTapeCalls)
	}
	if _, err := s.function(ctx, app, name); err != nil {
		return err
	}
	if s.tapes.sealer == nil {
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server has no key to seal recorded calls with")
	}
	w := &wish{until: s.options.Now().Add(tapeWish)}
	w.left.Store(int64(calls))
	if calls == 0 {
		w = nil
	}
	s.figures.of(app, name).wish.Store(w)
	return nil
}

// Tapes lists the recorded calls of an app, or of one of its functions, newest first.
func (s *Service) Tapes(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function string) ([]TapeInfo, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	found, err := s.tapes.records.Find(ctx, tapesOf(app), documents.FindOptions{Sort: bson.D{{Key: "_id", Value: -1}}})
	list := []TapeInfo{}
	for _, r := range found {
		if function == "" || function == r.Function {
			list = append(list, TapeInfo{ID: strings.TrimPrefix(r.ID, string(app)+"/"), Function: r.Function, At: r.At, Bytes: r.Bytes})
		}
	}
	return list, err
}

func tapesOf(app yunduo.AppID) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: string(app) + "/"}, {Key: "$lt", Value: string(app) + "0"}}}}
}

// Tape returns a recorded call. Reasons: permission_denied, invocation_not_found.
func (s *Service) Tape(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, invocation string) (Tape, error) {
	var t Tape
	if err := manage(caller, app); err != nil {
		return t, err
	}
	record, err := s.tapes.records.Get(ctx, logID(app, invocation))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && s.tapes.sealer == nil {
		return t, yunduo.Errorf(yunduo.ReasonInvocationNotFound, "the invocation %q was not recorded, or too long ago", invocation)
	}
	if err != nil {
		return t, err
	}
	text, err := s.tapes.sealer.Open(record.Sealed, record.ID)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal([]byte(text), &t)
}

// keep stores a tape, and drops the oldest ones of its app that are too many.
func (t *tapes) keep(ctx context.Context, tape *Tape) error {
	text, err := json.Marshal(tape)
	if err == nil && len(text) > maxTapeText && tape.HTTP != nil {
		tape.HTTP.shrink()
		text, err = json.Marshal(tape)
	}
	if err != nil {
		return err
	}
	id := logID(tape.App, tape.InvocationID)
	err = t.records.Insert(ctx, id, tapeRecord{App: tape.App, Function: tape.Function, At: tape.StartedAt, Bytes: len(text), Sealed: t.sealer.Seal(string(text), id)})
	if err != nil {
		return err
	}
	old, err := t.records.Find(ctx, tapesOf(tape.App), documents.FindOptions{Sort: bson.D{{Key: "_id", Value: -1}}, Skip: maxTapes})
	for _, r := range old {
		if err == nil {
			_, err = t.records.Delete(ctx, r.ID)
		}
	}
	return err
}

func (t *tapes) drop(ctx context.Context, app yunduo.AppID) error {
	_, err := t.records.DeleteMany(ctx, tapesOf(app))
	return err
}

// taping gathers a tape while the invocation runs. Guarded by the recording's mutex.
type taping struct {
	event     json.RawMessage
	calls     []TapeCall
	bytes     int
	truncated bool
	http      bool // the invocation is an exchange
	raw       taped
	halves    atomic.Int32
}

func (t *taping) add(c TapeCall) {
	if t.bytes += len(c.Request) + len(c.Response) + len(c.Attachment); t.bytes > maxTapeBytes {
		t.truncated = true
	}
	if !t.truncated {
		t.calls = append(t.calls, c)
	}
}

// tape returns what was gathered, without secrets. r.mu is held.
func (r *recording) tape(result json.RawMessage) *Tape {
	c, hide, known := &r.invocation.Caller, r.program.hide, true
	if r.taping.http {
		hide, known = r.taping.raw.hiding(hide)
	}
	clean := func(text json.RawMessage) json.RawMessage { return redactText(text, hide) }
	t := &Tape{
		Format: tapeVersion, InvocationID: r.invocation.ID, App: r.app(), Function: r.function(), FunctionVersion: r.program.number, StartedAt: r.started.UTC(),
		Source: r.invocation.Source, RequestID: r.invocation.RequestID, Event: clean(r.taping.event), Truncated: r.taping.truncated, Calls: slices.Clone(r.taping.calls),
		Caller: TapeCaller{UserID: c.UserID, OpenID: c.OpenID, UnionID: c.UnionID, WeChatAppID: c.WeChatAppID, Provider: c.Provider, Username: c.Username, ClientIP: c.ClientIP},
	}
	if len(r.program.set) > 0 {
		t.Env = r.program.shown()
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		c.Request, c.Response, c.Attachment = clean(c.Request), clean(c.Response), []byte(hide(string(c.Attachment)))
		if c.Error != nil {
			c.Error = &TapeError{c.Error.Reason, hide(c.Error.Message)}
		}
	}
	if r.end.err != nil {
		t.Error = &TapeError{r.end.err.Reason, cut(hide(r.end.err.Message), maxLineBytes)}
	} else if len(result) <= maxTapeBytes {
		t.Result = clean(result)
	}
	if r.taping.http {
		t.HTTP = r.taping.raw.exchange(hide, known)
	}
	return t
}

// shown returns the variables that were set, without their secrets.
func (p *program) shown() map[string]string {
	shown := make(map[string]string, len(p.set))
	for name, value := range p.set {
		switch {
		case slices.Contains(p.secret, name):
			shown[name] = standIn(name)
		case secretName.MatchString(name):
			shown[name] = redacted
		default:
			shown[name] = p.hide(value)
		}
	}
	return shown
}

// keepTape stores the tape of an invocation that has ended, in the background.
func (r *recording) keepTape(result json.RawMessage) {
	r.mu.Lock()
	t := r.tape(result)
	r.mu.Unlock()
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.tapes.keep(ctx, t); err != nil {
			s.log.Error("a recorded call could not be stored", "app", string(t.App), "function", t.Function, "error", err)
		}
	})
}

// secretName matches names of members whose values nobody else should see.
var secretName = regexp.MustCompile(`(?i)(passw(or)?d|secret|token|authorization|cookie|(api|private|session|access|sign(ing)?)[-_]?key|credential)`)

// Redact returns JSON text in which the values of members whose names say that they are secret are replaced. What is no
// JSON becomes null.
func Redact(text json.RawMessage) json.RawMessage {
	return redactText(text, func(s string) string { return s })
}

func redactText(text json.RawMessage, hide func(string) string) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber() // digits stay as they are
	var v any
	if decoder.Decode(&v) != nil {
		return json.RawMessage("null")
	}
	clean, err := json.Marshal(redact(v, hide))
	if err != nil {
		return json.RawMessage("null")
	}
	return clean
}

func redact(v any, hide func(string) string) any {
	switch v := v.(type) {
	case string:
		return hide(v)
	case json.Number:
		if digits := hide(v.String()); digits != v.String() {
			return digits
		}
	case map[string]any:
		for _, name := range slices.Collect(maps.Keys(v)) {
			value := v[name]
			delete(v, name)
			if secretName.MatchString(name) {
				value = redacted
			}
			v[hide(name)] = redact(value, hide)
		}
	case []any:
		for i := range v {
			v[i] = redact(v[i], hide)
		}
	}
	return v
}
