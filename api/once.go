package api

import (
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

// Bounds on idempotency keys.
const (
	maxKey     = 128              // characters
	keyMemory  = time.Hour        // how long a key is remembered
	keyedTime  = 15 * time.Minute // in which a request with a key ends; it outlives its client
	maxOutcome = 256 << 10        // bytes of a reply that is kept for repetitions
)

// keyed are the operations that a key makes happen once, beside Invoke. Reads need none.
var keyed = map[string]bool{
	"documents.insert": true, "documents.update": true, "documents.findAndUpdate": true, "documents.findAndDelete": true, "documents.delete": true,
	"documents.commit": true, "files.delete": true, "files.copy": true,
}

// States of a request with a key.
const (
	stateRunning = "running"
	stateDone    = "done"
	stateUnknown = "unknown" // it failed in a way that does not tell what it did
	stateDropped = "dropped" // it was carried out, its reply is too large to be kept
)

// outcome is what is known of a request with a key, as stored. The claim on the key is durable before the request
// begins and the outcome before it is answered; so what a crash interrupts stays claimed, and is never done twice.
type outcome struct {
	ID        string    `bson:"_id"`
	App       string    `bson:"app"`
	Request   []byte    `bson:"request"` // digest: a key is for one request
	State     string    `bson:"state"`
	Reply     []byte    `bson:"reply,omitempty"`
	Reason    string    `bson:"reason,omitempty"` // of the error that was the outcome
	Message   string    `bson:"message,omitempty"`
	StartedAt time.Time `bson:"startedAt"`
	ExpiresAt time.Time `bson:"expiresAt"`
}

func newOutcomes(db *documents.DB) *documents.Records[outcome] {
	return documents.NewRecords[outcome](db, "request_keys", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
		{Name: "expiry", Fields: []driver.IndexField{{Path: "expiresAt"}}, ExpireAfter: time.Second},
	}})
}

// stored is the reply of an earlier request.
type stored []byte

// AppendJSON gives the reply as it was.
func (s stored) AppendJSON(dst []byte) []byte { return append(dst, s...) }

// once runs the request of a call unless one with the same key was taken before, whose outcome it then gives. Further
// errors: request_in_progress, outcome_unknown.
func (a *API) once(ctx context.Context, call *Call, operation string, request []byte, run func(context.Context) (any, error)) (any, error) {
	if len(call.Key) > maxKey || strings.ContainsFunc(call.Key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "Idempotency-Key: 1 to %d visible ASCII characters are needed", maxKey)
	}
	claim := a.claim(call, operation, request)
	err := a.outcomes.Insert(ctx, claim.ID, claim)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		return a.repeated(ctx, claim)
	}
	if err != nil {
		return nil, err
	}
	// A client that goes away will come back for the outcome.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyedTime)
	defer cancel()
	response, err := run(ctx)
	if err := a.settle(ctx, claim.ID, response, err); err != nil {
		a.logger.ErrorContext(ctx, "the outcome of a request with a key could not be stored", "app", call.App, "operation", operation, "error", err)
	}
	return response, err
}

func (a *API) claim(call *Call, operation string, request []byte) outcome {
	c := call.Caller
	who := string(c.Role)
	if c.EndUser() {
		who = "user/" + c.UserID
	}
	id, now := digestOf(string(call.App), who, operation, call.Key), a.now().UTC()
	return outcome{
		ID: hex.EncodeToString(id), App: string(call.App), Request: digestOf(string(request)), State: stateRunning,
		StartedAt: now.Truncate(time.Millisecond), ExpiresAt: now.Add(keyMemory).Truncate(time.Millisecond),
	}
}

// digestOf tells lists of texts apart.
func digestOf(parts ...string) []byte {
	text, _ := json.Marshal(parts) // texts always have a JSON form
	sum := sha256.Sum256(text)
	return sum[:]
}

// settle stores what came of a request. One that was refused before it did anything gives its key back.
func (a *API) settle(ctx context.Context, id string, response any, failed error) error {
	var set bson.D
	switch code := yunduo.AsError(failed); {
	case failed == nil:
		text, err := Encode(response)
		if err != nil {
			return err
		}
		if len(text) > maxOutcome {
			set = bson.D{{Key: "state", Value: stateDropped}}
		} else {
			set = bson.D{{Key: "state", Value: stateDone}, {Key: "reply", Value: text}}
		}
	case untouched[code.Code()]:
		_, err := a.outcomes.Delete(ctx, id)
		return err
	case code.Code() == yunduo.CodeFunction || code.Code() == yunduo.CodeTooLarge || code.Reason == yunduo.ReasonFunctionTimeout: // it would be so again
		set = bson.D{{Key: "state", Value: stateDone}, {Key: "reason", Value: string(code.Reason)}, {Key: "message", Value: code.Message}}
	default:
		set = bson.D{{Key: "state", Value: stateUnknown}}
	}
	_, err := a.outcomes.Update(ctx, id, bson.D{{Key: "$set", Value: set}})
	return err
}

// untouched are the kinds of errors after which nothing has changed.
var untouched = map[yunduo.Code]bool{
	yunduo.CodeInvalid: true, yunduo.CodeUnauthenticated: true, yunduo.CodeDenied: true, yunduo.CodeNotFound: true,
	yunduo.CodeExists: true, yunduo.CodeConflict: true, yunduo.CodeExhausted: true,
}

// repeated answers a request whose key is taken.
func (a *API) repeated(ctx context.Context, claim outcome) (any, error) {
	known, err := a.outcomes.Get(ctx, claim.ID)
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound: // given back this very moment
		return nil, inProgress()
	case err != nil:
		return nil, err
	case string(known.Request) != string(claim.Request):
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "Idempotency-Key: the key was used for another request")
	case known.State == stateRunning && a.now().Before(known.StartedAt.Add(keyedTime)):
		return nil, inProgress()
	case known.State == stateDone && known.Reason != "":
		return nil, yunduo.Errorf(yunduo.Reason(known.Reason), "%s", known.Message)
	case known.State == stateDone:
		return stored(known.Reply), nil
	case known.State == stateDropped:
		return nil, yunduo.Errorf(yunduo.ReasonOutcomeUnknown, "the request was carried out before; its reply is larger than the %d KiB that are kept", maxOutcome>>10)
	}
	return nil, yunduo.Errorf(yunduo.ReasonOutcomeUnknown, "a request with this key was begun and interrupted; look before you send it with another key")
}

func inProgress() error {
	return yunduo.Errorf(yunduo.ReasonRequestInProgress, "a request with this key is still being worked on; send it again in a moment")
}
