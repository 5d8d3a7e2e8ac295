package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

const (
	asyncAge      = 7 * 24 * time.Hour // how long an invocation is remembered after it has ended
	asyncAtOnce   = 32                 // run at the same time on one server
	asyncLook     = 5 * time.Second    // between looks at what other servers have accepted or left
	maxKeyBytes   = 256
	asyncPatience = time.Minute // beyond its time limit, after which an invocation's server must be gone
)

// State says how far an accepted invocation has come.
type State string

// The states. Each invocation ends in one of the last three, and runs at most once.
const (
	StateAccepted State = "accepted" // will run, also after a restart
	StateRunning  State = "running"
	StateDone     State = "done"
	StateFailed   State = "failed"
	StateLost     State = "lost" // its server ended while it ran; whether it did its work is not known
)

// Accepted is an invocation that runs by itself.
type Accepted struct {
	ID           string
	Function     string
	State        State
	InvocationID string // of the run, in the logs
	Result       json.RawMessage
	Failure      *yunduo.Error // why it failed
	AcceptedAt   time.Time
	DueAt        time.Time // when it may begin
	EndedAt      time.Time // zero while it has not ended
}

// asyncRecord is an accepted invocation as it is stored.
type asyncRecord struct {
	ID           string         `bson:"_id"`
	App          yunduo.AppID   `bson:"app"`
	Function     string         `bson:"function"`
	Owner        string         `bson:"owner"` // who may ask about it: a user's ID, empty for the app's own code and owner
	Caller       callerRecord   `bson:"caller"`
	Event        []byte         `bson:"event,omitempty"`
	Digest       string         `bson:"digest"` // of the event
	State        State          `bson:"state"`
	Until        time.Time      `bson:"until"` // when a running one is lost
	InvocationID string         `bson:"invocationId,omitempty"`
	Result       []byte         `bson:"result,omitempty"`
	Failure      *failureRecord `bson:"failure,omitempty"`
	RequestID    string         `bson:"requestId,omitempty"`
	AcceptedAt   time.Time      `bson:"acceptedAt"`
	Due          time.Time      `bson:"due"` // when it may begin
	EndedAt      time.Time      `bson:"endedAt,omitempty"`
}

// callerRecord is on whose behalf an accepted invocation runs.
type callerRecord struct {
	Role         yunduo.Role `bson:"role"`
	UserID       string      `bson:"userId,omitempty"`
	SessionID    string      `bson:"sessionId,omitempty"`
	Provider     string      `bson:"provider,omitempty"`
	OpenID       string      `bson:"openId,omitempty"`
	UnionID      string      `bson:"unionId,omitempty"`
	WeChatAppID  string      `bson:"wechatAppId,omitempty"`
	Username     string      `bson:"username,omitempty"`
	Function     string      `bson:"function,omitempty"`
	InvocationID string      `bson:"invocationId,omitempty"`
	ClientIP     string      `bson:"clientIp,omitempty"`
}

func newCallerRecord(c yunduo.Caller) callerRecord {
	return callerRecord{
		Role: c.Role, UserID: c.UserID, SessionID: c.SessionID, Provider: c.Provider, OpenID: c.OpenID, UnionID: c.UnionID,
		WeChatAppID: c.WeChatAppID, Username: c.Username, Function: c.Function, InvocationID: c.InvocationID, ClientIP: c.ClientIP,
	}
}

func (r *callerRecord) caller(app yunduo.AppID) yunduo.Caller {
	return yunduo.Caller{
		App: app, Role: r.Role, UserID: r.UserID, SessionID: r.SessionID, Provider: r.Provider, OpenID: r.OpenID, UnionID: r.UnionID,
		WeChatAppID: r.WeChatAppID, Username: r.Username, Function: r.Function, InvocationID: r.InvocationID, ClientIP: r.ClientIP,
	}
}

func (r *asyncRecord) describe() Accepted {
	a := Accepted{
		ID: r.ID, Function: r.Function, State: r.State, InvocationID: r.InvocationID, Result: r.Result, AcceptedAt: r.AcceptedAt, DueAt: r.Due, EndedAt: r.EndedAt,
	}
	switch {
	case r.Failure != nil:
		a.Failure = &yunduo.Error{Reason: r.Failure.Reason, Message: r.Failure.Message, Stack: r.Failure.Stack}
	case r.State == StateLost:
		a.Failure = yunduo.Errorf(yunduo.ReasonFunctionKilled, "the server ended while the function ran; whether it did its work is not known")
	}
	return a
}

func openAsync(db *documents.DB) *documents.Records[asyncRecord] {
	return documents.NewRecords[asyncRecord](db, "function_starts", documents.RecordOptions{
		Silent: true,
		Indexes: []driver.Index{
			{Name: "due", Fields: []driver.IndexField{{Path: "state"}, {Path: "due"}}},
			{Name: "app", Fields: []driver.IndexField{{Path: "app"}, {Path: "state"}}},
			{Name: "ended", Fields: []driver.IndexField{{Path: "endedAt"}}, ExpireAfter: asyncAge},
		},
		Dropped: []string{"state", "age"},
	})
}

// Start accepts an invocation and returns before it runs: once it has been accepted, it runs, also when the server is
// restarted meanwhile, and not more than once. key, if not empty, names it among those of the caller: the same key again
// returns what became of the first. The one with another event is refused. Errors: those of Invoke that come before the
// code runs, and invalid_request.
func (s *Service) Start(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, event json.RawMessage, key string) (Accepted, error) {
	return s.StartLater(ctx, caller, app, name, event, key, 0)
}

// StartLater is Start for an invocation that begins after a delay, of at most 30 days, for the app's code and who manages
// it. Further errors: permission_denied, and quota_exceeded if very many of the app's wait already.
func (s *Service) StartLater(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, event json.RawMessage, key string, delay time.Duration) (Accepted, error) {
	if delay < 0 || delay > maxDelay {
		return Accepted{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "delaySeconds: not between 0 and %d", int(maxDelay.Seconds()))
	}
	if len(key) > maxKeyBytes {
		return Accepted{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "idempotencyKey: longer than %d bytes", maxKeyBytes)
	}
	invocation, err := s.admit(ctx, caller, app, name, InvokeOptions{})
	if err != nil {
		return Accepted{}, err
	}
	if event, err = s.event(event); err != nil {
		return Accepted{}, err
	}
	p, err := s.acquire(ctx, &invocation.Caller, name)
	if err != nil {
		return Accepted{}, err
	}
	err = p.accepts(event)
	p.release()
	if err != nil {
		return Accepted{}, err
	}
	if err := s.mayWait(ctx, caller, app, delay); err != nil {
		return Accepted{}, err
	}
	now := s.options.Now().UTC().Truncate(time.Millisecond)
	record := asyncRecord{
		App: app, Function: name, Owner: asker(caller), Caller: newCallerRecord(caller), Event: event, Digest: digest(string(event)), State: StateAccepted,
		RequestID: yunduo.RequestID(ctx), AcceptedAt: now, Due: now.Add(delay),
	}
	if record.ID = yunduo.NewID(); key != "" {
		record.ID = digest(string(app), record.Owner, name, key)
	}
	err = s.starts.Insert(ctx, record.ID, record)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		known, err := s.starts.Get(ctx, record.ID)
		if err == nil && known.Digest != record.Digest {
			err = yunduo.Errorf(yunduo.ReasonInvalidRequest, "idempotencyKey: %q was used with another event", key)
		}
		return known.describe(), err
	}
	if err != nil {
		return Accepted{}, err
	}
	select {
	case s.accepted <- struct{}{}:
	default:
	}
	return record.describe(), nil
}

// asker names who may ask about an invocation: the user on whose behalf it runs. The app's code and owner see them all.
func asker(caller yunduo.Caller) string {
	if caller.EndUser() {
		return caller.UserID
	}
	return ""
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Started tells what became of an accepted invocation, for a week. invocation_not_found also for those of others.
func (s *Service) Started(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, id string) (Accepted, error) {
	record, err := s.starts.Get(ctx, id)
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonDocumentNotFound {
		return Accepted{}, err
	}
	mine := caller.Privileged() || (caller.EndUser() && record.Owner != "" && record.Owner == caller.UserID)
	if err != nil || record.App != app || !mine || (caller.App != app && !caller.MayManage(app)) {
		return Accepted{}, yunduo.Errorf(yunduo.ReasonInvocationNotFound, "there is no accepted invocation %q", id)
	}
	return record.describe(), nil
}

// runAccepted runs what has been accepted, here or by a server that is gone, until ctx ends.
func (s *Service) runAccepted(ctx context.Context) {
	slots := make(chan struct{}, asyncAtOnce)
	s.giveDueTimes(ctx)
	look := time.NewTimer(0)
	defer look.Stop()
	lost := time.NewTicker(asyncLook)
	defer lost.Stop()
	for {
		for ctx.Err() == nil {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			record, found, err := s.claim(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("accepted invocations cannot be read; trying again", "error", err)
			}
			if !found || err != nil {
				<-slots
				break
			}
			s.wg.Go(func() {
				defer func() { <-slots }()
				s.runOne(record)
			})
		}
		look.Reset(s.untilDue(ctx))
		select {
		case <-ctx.Done():
			return
		case <-s.accepted:
		case <-look.C:
		case <-lost.C:
			s.giveUpLost(ctx)
		}
	}
}

// claim takes the accepted invocation for this server that has been due for the longest.
func (s *Service) claim(ctx context.Context) (asyncRecord, bool, error) {
	now := s.options.Now().UTC()
	until := now.Add(s.limits.MaxTimeout + asyncPatience)
	due := bson.D{{Key: "state", Value: StateAccepted}, {Key: "due", Value: bson.D{{Key: "$lte", Value: now}}}}
	return s.starts.Take(ctx, due, bson.D{{Key: "due", Value: 1}}, set(bson.D{{Key: "state", Value: StateRunning}, {Key: "until", Value: until}}))
}

// giveUpLost ends what a server has begun that is gone.
func (s *Service) giveUpLost(ctx context.Context) {
	now := s.options.Now().UTC()
	filter := bson.D{{Key: "state", Value: StateRunning}, {Key: "until", Value: bson.D{{Key: "$lt", Value: now}}}}
	for {
		found, err := s.starts.UpdateIf(ctx, filter, set(bson.D{{Key: "state", Value: StateLost}, {Key: "endedAt", Value: now}}))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("lost invocations cannot be ended; trying again", "error", err)
		}
		if err != nil || !found {
			return
		}
	}
}

// runOne runs an invocation that this server has claimed. One that could not begin because the server stops will be
// claimed again after its start.
func (s *Service) runOne(record asyncRecord) {
	ctx := yunduo.WithRequestID(context.Background(), record.RequestID)
	result, err := s.Invoke(ctx, record.Caller.caller(record.App), record.App, record.Function, bytes.Clone(record.Event), InvokeOptions{again: true})
	change := bson.D{{Key: "state", Value: StateDone}, {Key: "result", Value: []byte(result.JSON)}}
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonShuttingDown && result.InvocationID == "":
		change = bson.D{{Key: "state", Value: StateAccepted}}
	case err != nil:
		change = bson.D{{Key: "state", Value: StateFailed}, {Key: "failure", Value: newFailure(err)}}
	}
	if change[0].Value != StateAccepted {
		change = append(change, bson.E{Key: "event", Value: nil}, bson.E{Key: "endedAt", Value: s.options.Now().UTC().Truncate(time.Millisecond)}, bson.E{Key: "invocationId", Value: result.InvocationID})
	}
	if found, err := s.starts.UpdateIf(ctx, bson.D{{Key: "_id", Value: record.ID}, {Key: "state", Value: StateRunning}}, set(change)); err != nil {
		s.log.Error("the outcome of an accepted invocation could not be kept", "app", string(record.App), "function", record.Function, "id", record.ID, "error", err)
	} else if !found {
		s.log.Warn("an accepted invocation ended after it was given up", "app", string(record.App), "function", record.Function, "id", record.ID)
	}
}

func set(fields bson.D) bson.D { return bson.D{{Key: "$set", Value: fields}} }

func (s *Service) dropStarts(ctx context.Context, app yunduo.AppID) error {
	_, err := s.starts.DeleteMany(ctx, bson.D{{Key: "app", Value: app}})
	return err
}
