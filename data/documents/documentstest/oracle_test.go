package documentstest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/pipeline"
	values "yunduo/data/query/value"
)

// oracle is a process that answers with mingo, an independent implementation of the language in JavaScript.
type oracle struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// startOracle starts the process. Its package is installed by make test.
func startOracle(t *testing.T) *oracle {
	if _, err := os.Stat("mingo/node_modules"); err != nil {
		if testing.Short() {
			t.Skip("mingo is not installed")
		}
		t.Fatal("run npm ci in data/documents/documentstest/mingo, as make test does")
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "node", "mingo/oracle.mjs")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close()) // ends its loop
		require.NoError(t, command.Wait())
		cancel()
	})
	return &oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// question is one operation on documents, in the words of the language.
type question struct {
	docs         []bson.Raw
	other        map[string][]bson.Raw
	filter       bson.Raw
	sort         bson.Raw
	projection   bson.Raw
	pipeline     []bson.Raw
	update       bson.Raw
	arrayFilters []bson.Raw
}

func (q question) String() string {
	data, err := json.MarshalIndent(q.plain(), "", " ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// plain returns the question as JSON values.
func (q question) plain() map[string]any {
	m := map[string]any{"docs": plainDocuments(q.docs), "filter": map[string]any{}}
	if q.filter != nil {
		m["filter"] = ordered{q.filter}
	}
	if q.sort != nil {
		m["sort"] = ordered{q.sort}
	}
	if q.projection != nil {
		m["projection"] = ordered{q.projection}
	}
	if q.pipeline != nil {
		m["pipeline"] = plainDocuments(q.pipeline)
	}
	if q.update != nil {
		m["update"] = ordered{q.update}
	}
	if q.arrayFilters != nil {
		m["arrayFilters"] = plainDocuments(q.arrayFilters)
	}
	if q.other != nil {
		other := map[string]any{}
		for name, docs := range q.other {
			other[name] = plainDocuments(docs)
		}
		m["other"] = other
	}
	return m
}

// ask returns mingo's answer as JSON values.
func (o *oracle) ask(t *testing.T, q question) ([]any, error) {
	line, err := json.Marshal(q.plain())
	require.NoError(t, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err = o.in.Write(append(line, '\n'))
	require.NoError(t, err)
	reply, err := o.out.ReadBytes('\n')
	require.NoError(t, err)
	var answer struct {
		Docs  []any
		Error *string
	}
	require.NoError(t, json.Unmarshal(reply, &answer))
	if answer.Error != nil {
		return nil, errors.New(*answer.Error)
	}
	return answer.Docs, nil
}

// own returns the answer of data/query, without an engine.
func (q question) own(t *testing.T) ([]any, error) {
	filter, err := query.ParseFilter(q.filter)
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	switch {
	case q.pipeline != nil:
		docs, err = q.aggregate(t)
	case q.update != nil:
		docs, err = q.change(filter)
	default:
		docs, err = q.find(filter)
	}
	if err != nil {
		return nil, err
	}
	return decoded(t, docs), nil
}

// decoded returns documents as what decoding their JSON gives.
func decoded(t *testing.T, docs []bson.Raw) []any {
	line, err := json.Marshal(plainDocuments(docs))
	require.NoError(t, err)
	list := []any{}
	require.NoError(t, json.Unmarshal(line, &list))
	return list
}

func (q question) find(filter *query.Filter) ([]bson.Raw, error) {
	sort, err := query.ParseSort(q.sort)
	if err != nil {
		return nil, err
	}
	projection, err := query.ParseProjection(q.projection)
	if err != nil {
		return nil, err
	}
	var found []bson.Raw
	for _, doc := range q.docs {
		ok, err := filter.Match(doc)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, doc)
		}
	}
	slices.SortStableFunc(found, sort.Compare)
	for i, doc := range found {
		if found[i], err = projection.Apply(doc); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (q question) change(filter *query.Filter) ([]bson.Raw, error) {
	update, err := query.ParseUpdate(q.update)
	if err != nil {
		return nil, err
	}
	if q.arrayFilters != nil {
		if update, err = update.WithArrayFilters(q.arrayFilters); err != nil {
			return nil, err
		}
	}
	docs := slices.Clone(q.docs)
	for i, doc := range docs {
		ok, err := filter.Match(doc)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if docs[i], _, err = update.Apply(doc, query.ApplyContext{Filter: filter}); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

func (q question) aggregate(t *testing.T) ([]bson.Raw, error) {
	p, err := pipeline.Parse(q.pipeline)
	if err != nil {
		return nil, err
	}
	rows, err := p.Run(t.Context(), "things", q, pipeline.Options{})
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	for rows.Next(t.Context()) {
		docs = append(docs, slices.Clone(rows.Current()))
	}
	return docs, errors.Join(rows.Err(), rows.Close())
}

// Find makes a question the source of its own pipeline.
func (q question) Find(_ context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (pipeline.Cursor, error) {
	docs := q.docs
	if collection != "things" {
		docs = q.other[collection]
	}
	var found []bson.Raw
	for _, doc := range docs {
		ok, err := filter.Match(doc)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, doc)
		}
	}
	slices.SortStableFunc(found, func(a, b bson.Raw) int {
		return cmp.Or(sort.Compare(a, b), values.Compare(a.Lookup("_id"), b.Lookup("_id")))
	})
	if limit > 0 && int64(len(found)) > limit {
		found = found[:limit]
	}
	return &sliceCursor{docs: found}, nil
}

type sliceCursor struct {
	docs []bson.Raw
	at   int
}

func (c *sliceCursor) Next(context.Context) bool { c.at++; return c.at <= len(c.docs) }
func (c *sliceCursor) Current() bson.Raw         { return c.docs[c.at-1] }
func (c *sliceCursor) Err() error                { return nil }
func (c *sliceCursor) Close() error              { return nil }

// ordered is a document that keeps the order of its fields as JSON.
type ordered struct{ doc bson.Raw }

func (o ordered) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	err := appendPlain(&b, values.Document(o.doc))
	return []byte(b.String()), err
}

func plainDocuments(docs []bson.Raw) []ordered {
	list := make([]ordered, 0, len(docs))
	for _, doc := range docs {
		list = append(list, ordered{doc})
	}
	return list
}

var errNotPlain = errors.New("mingo does not know this type")

// appendPlain writes a value of the types that mingo knows.
func appendPlain(b *strings.Builder, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		brackets := "{}"
		if v.Type == bson.TypeArray {
			brackets = "[]"
		}
		b.WriteByte(brackets[0])
		for i, it := 0, values.Elements(v.Value); ; i++ {
			key, e, ok := it.Next()
			if !ok {
				break
			}
			if i > 0 {
				b.WriteByte(',')
			}
			if v.Type == bson.TypeEmbeddedDocument {
				name, _ := json.Marshal(string(key))
				b.Write(name)
				b.WriteByte(':')
			}
			if err := appendPlain(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(brackets[1])
		return nil
	case bson.TypeDateTime:
		fmt.Fprintf(b, `{"$date":%d}`, v.DateTime())
		return nil
	case bson.TypeRegex:
		pattern, options := v.Regex()
		p, _ := json.Marshal(pattern)
		o, _ := json.Marshal(options)
		fmt.Fprintf(b, `{"$regularExpression":{"pattern":%s,"options":%s}}`, p, o)
		return nil
	case bson.TypeDouble:
		if f := v.Double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return errNotPlain
		}
	case bson.TypeString, bson.TypeBoolean, bson.TypeNull, bson.TypeInt32:
	case bson.TypeInt64:
		if n := v.Int64(); n > 1<<53 || n < -1<<53 {
			return errNotPlain
		}
	default:
		return errNotPlain
	}
	var plain any
	if err := v.Unmarshal(&plain); err != nil {
		return err
	}
	text, err := json.Marshal(plain)
	b.Write(text)
	return err
}

// known reports whether mingo knows all types of a question.
func (q question) known() bool {
	_, err := json.Marshal(q.plain())
	return err == nil
}

// same reports whether answers are equal: numbers by value, fields in any order, rows in any order if unordered.
func same(a, b []any, isOrdered bool) bool {
	if !isOrdered {
		key := func(v any) string { text, _ := json.Marshal(v); return string(text) }
		for _, list := range [][]any{a, b} {
			slices.SortFunc(list, func(x, y any) int { return strings.Compare(key(x), key(y)) })
		}
	}
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}
