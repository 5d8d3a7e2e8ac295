package documents

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Move says what a change does to the result that is watched.
type Move string

// The moves of a document.
const (
	MoveEnter  Move = "enter"  // it is part of the result now
	MoveUpdate Move = "update" // it is still part of the result, with other content
	MoveLeave  Move = "leave"  // it is no longer part of the result
)

// Cause says what made a document move.
type Cause string

// The causes of a move.
const (
	CauseInsert Cause = "insert"
	CauseUpdate Cause = "update"
	CauseDelete Cause = "delete"
	CauseLimit  Cause = "limit" // the document is as it was; another one made room or took its place
)

// Reset says why a snapshot replaces everything that was delivered before.
type Reset string

// The reasons for a new snapshot. ResetNone is that of the first one.
const (
	ResetNone     Reset = ""
	ResetPosition Reset = "position" // the resume token is of another query or state, or the log no longer reaches back
	ResetRules    Reset = "rules"    // who may read what has changed
	ResetDropped  Reset = "dropped"  // the collection was removed
	ResetLagging  Reset = "lagging"  // a limited result changed faster than it was taken
	ResetWindow   Reset = "window"   // a limited result is sent anew when a watch resumes
)

// WatchChange is one document's move.
type WatchChange struct {
	Move     Move
	Cause    Cause
	ID       bson.RawValue
	Document bson.Raw // as it is after the change; nil when it leaves
}

// WatchEvent is what a watch delivers: the whole result at a position, or what changed in it up to a position. It is
// shared by every watch of the same query and must not be changed.
type WatchEvent struct {
	Position  driver.Position
	Snapshot  bool
	Reset     Reset         // of a snapshot
	Documents []bson.Raw    // of a snapshot: the whole result, in its order
	Changes   []WatchChange // otherwise; never empty

	bytes int
	token func(driver.Position) string
	texts [formCount]struct {
		once sync.Once
		text []byte
	}
}

// Form names a way to write an event down.
type Form int

// The forms, one for each surface.
const (
	FormNative Form = iota
	FormCloudBase
	formCount
)

// Text returns the event as encode writes it down. It is written once for all watches that deliver it.
func (e *WatchEvent) Text(form Form, encode func(*WatchEvent) []byte) []byte {
	t := &e.texts[form]
	t.once.Do(func() { t.text = encode(e) })
	return t.text
}

// Resume returns the token by which a later watch of the same query goes on after this event.
func (e *WatchEvent) Resume() string { return e.token(e.Position) }

func newSnapshotEvent(g *watchGroup, at driver.Position, rows []bson.Raw, why Reset) *WatchEvent {
	e := &WatchEvent{Position: at, Snapshot: true, Reset: why, Documents: rows, token: g.token}
	for _, row := range rows {
		e.bytes += len(row)
	}
	return e
}

func newChangesEvent(g *watchGroup, at driver.Position, changes []WatchChange) *WatchEvent {
	e := &WatchEvent{Position: at, Changes: changes, token: g.token}
	for i := range changes {
		e.bytes += 64 + len(changes[i].Document)
	}
	return e
}

const (
	tokenVersion = 1
	tokenFixed   = 1 + 8 + 8 + 8
	tokenMAC     = 16
)

// resumeToken is a place in the log of one app for one query under one rule. It is signed: who could make one up could
// have the log replayed from where no client of theirs ever was.
type resumeToken struct {
	position driver.Position
	query    uint64
	app      yunduo.AppID
}

func (t resumeToken) encode(key []byte) string {
	b := make([]byte, 0, tokenFixed+len(t.app)+tokenMAC)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, t.position.Epoch)
	b = binary.BigEndian.AppendUint64(b, t.position.Offset)
	b = binary.BigEndian.AppendUint64(b, t.query)
	b = append(b, t.app...)
	return base64.RawURLEncoding.EncodeToString(append(b, tokenSum(key, b)...))
}

func decodeToken(text string, key []byte) (resumeToken, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	n := len(b) - tokenMAC
	if err != nil || n < tokenFixed || b[0] != tokenVersion || !hmac.Equal(b[n:], tokenSum(key, b[:n])) {
		return resumeToken{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "resume: this is no token of a watch of this server")
	}
	return resumeToken{
		position: driver.Position{Epoch: binary.BigEndian.Uint64(b[1:]), Offset: binary.BigEndian.Uint64(b[9:])},
		query:    binary.BigEndian.Uint64(b[17:]), app: yunduo.AppID(b[tokenFixed:n]),
	}, nil
}

func tokenSum(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	return mac.Sum(nil)[:tokenMAC]
}
