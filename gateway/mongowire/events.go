package mongowire

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/pipeline"
	"yunduo/data/query/value"
)

// token is a place in an app's change log, as a resume token.
type token struct {
	app        yunduo.AppID
	at         driver.Position
	invalidate bool // the stream ended here, because its collection was dropped
}

const tokenVersion = 1

// document is the token as clients keep it.
func (t token) document() bson.Raw {
	data := []byte{tokenVersion, 0}
	if t.invalidate {
		data[1] = 1
	}
	data = binary.BigEndian.AppendUint64(data, t.at.Epoch)
	data = binary.BigEndian.AppendUint64(data, t.at.Offset)
	data = append(data, t.app...)
	return value.EndDocument(value.Append(value.BeginDocument(nil), "_data", value.String(hex.EncodeToString(data))), 0)
}

// parseToken reads a token that document made for the same app.
func parseToken(key string, v bson.RawValue, app yunduo.AppID) (token, error) {
	doc, _ := v.DocumentOK()
	field, _ := value.Field(doc, "_data")
	text, _ := field.StringValueOK()
	data, err := hex.DecodeString(text)
	if err != nil || len(data) < 18 || data[0] != tokenVersion || data[1] > 1 || yunduo.AppID(data[18:]) != app {
		return token{}, failf(codeInvalidResumeToken, "%s: this is no resume token of this database", key)
	}
	return token{app, driver.Position{Epoch: binary.BigEndian.Uint64(data[2:]), Offset: binary.BigEndian.Uint64(data[10:])}, data[1] == 1}, nil
}

// clusterTime gives each change a time of its own that grows: its second, and its place in the log.
func clusterTime(at time.Time, offset uint64) bson.RawValue {
	return value.Timestamp(uint32(at.Unix()), uint32(offset))
}

// withOperationTime adds to a reply the time of the state that the command saw or made: a change stream that starts
// at that time shows what came after.
func withOperationTime(ctx context.Context, c *command, docs *documents.Session, reply []byte) ([]byte, error) {
	at, err := docs.Position(ctx)
	if err != nil {
		return nil, err
	}
	reply = value.Append(reply[:len(reply)-1:len(reply)-1], "operationTime", clusterTime(c.conn.server.options.Now(), at.Offset+1))
	return value.EndDocument(reply, 0), nil
}

// shaping is how events are to look.
type shaping struct {
	database   string
	collection string // empty for all of the app
	full       bool   // updates carry the document as they left it
	before     bool   // and as they found it
}

// event is a change as change streams show it.
func (s shaping) event(app yunduo.AppID, ch driver.Change) bson.Raw {
	namespace := value.EndDocument(value.Append(value.Append(value.BeginDocument(nil), "db", value.String(s.database)), "coll", value.String(ch.Collection)), 0)
	kind := string(ch.Kind)
	e := value.BeginDocument(nil)
	e = value.Append(e, "_id", value.Document(token{app: app, at: ch.Position}.document()))
	e = value.Append(e, "operationType", value.String(kind))
	e = value.Append(e, "clusterTime", clusterTime(ch.Time, ch.Position.Offset))
	e = value.Append(e, "wallTime", value.DateTime(ch.Time))
	if ch.Document != nil && (ch.Kind == driver.ChangeInsert || s.full) {
		e = value.Append(e, "fullDocument", value.Document(ch.Document))
	}
	if ch.Before != nil && s.before {
		e = value.Append(e, "fullDocumentBeforeChange", value.Document(ch.Before))
	}
	e = value.Append(e, "ns", value.Document(namespace))
	if ch.Kind == driver.ChangeRename {
		to := value.EndDocument(value.Append(value.Append(value.BeginDocument(nil), "db", value.String(s.database)), "coll", value.String(ch.To)), 0)
		e = value.Append(e, "to", value.Document(to))
	}
	if ch.ID.Type != 0 {
		e = value.Append(e, "documentKey", value.Document(value.EndDocument(value.Append(value.BeginDocument(nil), "_id", ch.ID), 0)))
	}
	if ch.Kind == driver.ChangeUpdate {
		e = value.Append(e, "updateDescription", value.Document(difference(ch.Before, ch.Document)))
	}
	return value.EndDocument(e, 0)
}

// invalidation is the event after which a stream on a dropped collection ends.
func (s shaping) invalidation(app yunduo.AppID, ch driver.Change) bson.Raw {
	e := value.BeginDocument(nil)
	e = value.Append(e, "_id", value.Document(token{app: app, at: ch.Position, invalidate: true}.document()))
	e = value.Append(e, "operationType", value.String("invalidate"))
	e = value.Append(e, "clusterTime", clusterTime(ch.Time, ch.Position.Offset))
	e = value.Append(e, "wallTime", value.DateTime(ch.Time))
	return value.EndDocument(e, 0)
}

// difference is the updateDescription between two states of a document.
func difference(before, after bson.Raw) bson.Raw {
	d := &delta{updated: value.BeginDocument(nil), removed: value.BeginDocument(nil), truncated: value.BeginDocument(nil)}
	d.documents("", before, after)
	out := value.BeginDocument(nil)
	out = value.Append(out, "updatedFields", value.Document(value.EndDocument(d.updated, 0)))
	out = value.Append(out, "removedFields", value.Array(value.EndDocument(d.removed, 0)))
	out = value.Append(out, "truncatedArrays", value.Array(value.EndDocument(d.truncated, 0)))
	return value.EndDocument(out, 0)
}

type delta struct {
	updated, removed, truncated  []byte
	removedCount, truncatedCount int
}

func (d *delta) documents(prefix string, before, after []byte) {
	for it := value.Elements(before); ; {
		key, _, more := it.Next()
		if !more {
			break
		}
		if _, kept := value.Field(after, string(key)); !kept {
			d.removed = value.AppendIndexed(d.removed, d.removedCount, value.String(prefix+string(key)))
			d.removedCount++
		}
	}
	for it := value.Elements(after); ; {
		key, v, more := it.Next()
		if !more {
			return
		}
		old, had := value.Field(before, string(key))
		d.value(prefix+string(key), old, v, had)
	}
}

func (d *delta) value(path string, old, v bson.RawValue, had bool) {
	switch {
	case had && old.Type == v.Type && bytes.Equal(old.Value, v.Value):
	case had && old.Type == bson.TypeEmbeddedDocument && v.Type == bson.TypeEmbeddedDocument:
		d.documents(path+".", old.Value, v.Value)
	case had && old.Type == bson.TypeArray && v.Type == bson.TypeArray && value.Count(v.Value) > 0:
		d.arrays(path, old.Value, v.Value)
	default:
		d.updated = value.Append(d.updated, path, v)
	}
}

func (d *delta) arrays(path string, before, after []byte) {
	had, has := value.Count(before), value.Count(after)
	if has < had {
		entry := value.Append(value.Append(value.BeginDocument(nil), "field", value.String(path)), "newSize", value.Int32(int32(has)))
		d.truncated = value.AppendIndexed(d.truncated, d.truncatedCount, value.Document(value.EndDocument(entry, 0)))
		d.truncatedCount++
	}
	old, now := value.Elements(before), value.Elements(after)
	for i := range has {
		_, v, _ := now.Next()
		_, was, _ := old.Next()
		d.value(path+"."+strconv.Itoa(i), was, v, i < had)
	}
}

// pipe runs stages over one document.
func pipe(ctx context.Context, stages []bson.Raw, collection string, doc bson.Raw) ([]bson.Raw, error) {
	p, err := pipeline.Parse(stages)
	if err != nil {
		return nil, err
	}
	return pipeOne(ctx, p, collection, doc)
}

func pipeOne(ctx context.Context, p *pipeline.Pipeline, collection string, doc bson.Raw) ([]bson.Raw, error) {
	found, err := p.Run(ctx, collection, single{collection, doc}, pipeline.Options{})
	if err != nil {
		return nil, err
	}
	return documents.All(ctx, found)
}

// single is a collection of one document.
type single struct {
	collection string
	doc        bson.Raw
}

var _ pipeline.Source = single{}

func (s single) Find(_ context.Context, collection string, filter *query.Filter, _ *query.Sort, _ int64) (pipeline.Cursor, error) {
	if collection != s.collection {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidPipeline, "this pipeline may not read other collections")
	}
	if ok, err := filter.Match(s.doc); !ok || err != nil {
		return &memory{}, err
	}
	return &memory{rows: []bson.Raw{s.doc}}, nil
}
