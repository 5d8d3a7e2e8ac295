package documents

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/rules"
)

// Find streams the documents that match q. The caller closes the cursor. Reasons: collection_not_found,
// permission_denied, invalid_filter, unknown_operator, invalid_request.
func (s *Session) Find(ctx context.Context, collection string, q Query) (driver.Cursor, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return nil, err
	}
	find, err := s.parseQuery(ctx, ns, q)
	if err != nil {
		return nil, err
	}
	if find.Filter, err = s.restrict(ctx, ns, rules.Read, find.Filter); err != nil {
		return nil, err
	}
	var cursor driver.Cursor
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		cursor, err = on.Find(ctx, ns, find)
		return s.detach(ctx, &cursor, err)
	})
	return cursor, err
}

func (s *Session) parseQuery(ctx context.Context, ns driver.Namespace, q Query) (driver.Find, error) {
	var find driver.Find
	if q.Skip < 0 {
		return find, yunduo.Errorf(yunduo.ReasonInvalidRequest, "skip: %d is negative", q.Skip)
	}
	if q.Limit < 0 {
		return find, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit: %d is negative", q.Limit)
	}
	find.Skip, find.Limit = q.Skip, q.Limit
	switch {
	case q.NoLimit && !s.caller.Privileged():
		return find, yunduo.Errorf(yunduo.ReasonPermissionDenied, "limit: end users read %d documents at a time", MaxLimit)
	case q.NoLimit:
	case q.Limit == 0:
		find.Limit = DefaultLimit
	default:
		find.Limit = min(q.Limit, MaxLimit)
	}
	by, err := collation.Parse(q.Collation)
	if err != nil {
		return find, err
	}
	if find.Hint, err = s.hint(ctx, ns, q.Hint); err != nil {
		return find, err
	}
	if find.Filter, err = s.parseFilter(by, q.Filter); err != nil {
		return find, err
	}
	if find.Sort, err = parseSort(by, q.Sort); err != nil {
		return find, err
	}
	find.Projection, err = parseProjection(by, q.Projection)
	return find, err
}

func parseSort(by *collation.Collation, raw bson.Raw) (*query.Sort, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	sort, err := query.ParseSort(raw)
	return sort.By(by), err
}

// Get returns the document with the _id, or nil if the caller sees none. Reasons: those of Find.
func (s *Session) Get(ctx context.Context, collection string, id bson.RawValue, projection bson.Raw) (bson.Raw, error) {
	if err := checkID(id, yunduo.ReasonInvalidRequest); err != nil {
		return nil, err
	}
	cursor, err := s.Find(ctx, collection, Query{Filter: idFilter(id), Projection: projection, Limit: 1})
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// idFilter returns {_id: id}.
func idFilter(id bson.RawValue) bson.Raw {
	index, out := bsoncore.AppendDocumentStart(nil)
	out = bsoncore.AppendValueElement(out, "_id", bsoncore.Value{Type: bsoncore.Type(id.Type), Data: id.Value})
	out, _ = bsoncore.AppendDocumentEnd(out, index)
	return out
}

// Count counts the documents that match and that the caller may read; a nil filter counts all. Reasons: those of Find.
func (s *Session) Count(ctx context.Context, collection string, filter bson.Raw) (int64, error) {
	return s.CountBy(ctx, collection, CountQuery{Filter: filter})
}

// CountBy is Count by a collation, or with a hint.
func (s *Session) CountBy(ctx context.Context, collection string, q CountQuery) (int64, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return 0, err
	}
	parsed, hint, err := s.parseCount(ctx, ns, q)
	if err != nil {
		return 0, err
	}
	if parsed, err = s.restrict(ctx, ns, rules.Read, parsed); err != nil {
		return 0, err
	}
	var n int64
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		n, err = on.Count(ctx, ns, parsed, hint)
		return err
	})
	return n, err
}

func (s *Session) parseCount(ctx context.Context, ns driver.Namespace, q CountQuery) (filter *query.Filter, hint string, err error) {
	by, err := collation.Parse(q.Collation)
	if err != nil {
		return nil, "", err
	}
	if hint, err = s.hint(ctx, ns, q.Hint); err != nil {
		return nil, "", err
	}
	filter, err = s.parseFilter(by, q.Filter)
	return filter, hint, err
}

// detach reads the cursor of a transaction to its end: the transaction may run its next operation before the caller
// has read the rows.
func (s *Session) detach(ctx context.Context, cursor *driver.Cursor, err error) error {
	if err != nil || s.tx == nil {
		return err
	}
	found, rows, bytes := *cursor, []bson.Raw{}, 0
	defer found.Close()
	for found.Next(ctx) {
		row := slices.Clone(found.Current())
		if bytes += len(row); bytes > maxDetached {
			return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "a result inside a transaction has at most %d MiB; read it in parts", maxDetached>>20)
		}
		rows = append(rows, row)
	}
	*cursor = &sliceCursor{rows: rows}
	return found.Err()
}

// maxDetached is what one result inside a transaction may have: it is held in memory.
const maxDetached = 64 << 20

// All reads a cursor to its end and closes it.
func All(ctx context.Context, cursor driver.Cursor) ([]bson.Raw, error) {
	defer cursor.Close()
	rows := []bson.Raw{}
	for cursor.Next(ctx) {
		rows = append(rows, slices.Clone(cursor.Current()))
	}
	if err := cursor.Err(); err != nil {
		return nil, err
	}
	return rows, cursor.Close()
}

type sliceCursor struct {
	rows    []bson.Raw
	current bson.Raw
}

var _ driver.Cursor = (*sliceCursor)(nil)

func (c *sliceCursor) Next(context.Context) bool {
	if len(c.rows) == 0 {
		c.current = nil
		return false
	}
	c.current, c.rows = c.rows[0], c.rows[1:]
	return true
}

func (c *sliceCursor) Current() bson.Raw { return c.current }
func (c *sliceCursor) Err() error        { return nil }
func (c *sliceCursor) Close() error      { c.rows, c.current = nil, nil; return nil }
