package documents

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// RecordOptions configure a collection of the platform's own records.
type RecordOptions struct {
	Indexes []driver.Index
	Silent  bool     // no change-log entries: for logs and metrics
	Dropped []string // names of indexes that earlier versions of this program made
	// Cache is how many records Get keeps; 0 is none, and Silent ones cannot be kept. Every write of these Records counts
	// at once, one by another node as soon as the change log tells. What Get returns is then shared: do not change what
	// its slices and maps hold.
	Cache int
}

// Records are the platform's own records of one kind, kept in a collection of the reserved system app. T is a struct
// with bson tags whose field with the tag "_id" is a string. They are safe for concurrent use.
type Records[T any] struct {
	db      *DB
	ns      driver.Namespace
	options RecordOptions
	cache   *cache[string, T] // nil without one

	mu    sync.Mutex
	ready bool
}

// NewRecords returns the records in a collection, which is made with its indexes on first use.
func NewRecords[T any](db *DB, collection string, options RecordOptions) *Records[T] {
	r := &Records[T]{db: db, ns: driver.Namespace{App: yunduo.SystemApp, Collection: collection}, options: options}
	if options.Cache > 0 && !options.Silent {
		r.cache = cached[string, T](db, collection, options.Cache)
	}
	return r
}

// FindOptions say which of the records that match to return.
type FindOptions struct {
	Sort  bson.D
	Skip  int64
	Limit int64 // 0 is no limit
}

// Insert stores a new record under id; duplicate_key if there is one or a unique index is violated.
func (r *Records[T]) Insert(ctx context.Context, id string, v T) error {
	raw, err := r.encode(ctx, id, v)
	if err != nil {
		return err
	}
	defer r.drop(id)
	return r.db.engine.Insert(ctx, r.ns, []bson.Raw{raw}, r.write())
}

// Put stores a record under id, whether or not there is one; duplicate_key if a unique index is violated.
func (r *Records[T]) Put(ctx context.Context, id string, v T) error {
	update, err := r.replacement(ctx, id, v)
	if err != nil {
		return err
	}
	defer r.drop(id)
	_, err = r.db.engine.Update(ctx, r.ns, update, r.write())
	return err
}

// replacement is the update that makes the record under id be v, whether or not there is one.
func (r *Records[T]) replacement(ctx context.Context, id string, v T) (driver.Update, error) {
	raw, err := r.encode(ctx, id, v)
	if err != nil {
		return driver.Update{}, err
	}
	change, err := query.ParseUpdate(raw)
	if err != nil {
		return driver.Update{}, err
	}
	filter, err := query.ParseFilter(idFilter(stringValue(id)))
	return driver.Update{Filter: filter, Change: change, Upsert: true, NewID: stringValue(id)}, err
}

// Upsert applies update operators to the record under id, or to an empty one that becomes it; duplicate_key if a unique
// index is violated.
func (r *Records[T]) Upsert(ctx context.Context, id string, change bson.D) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	filter, err := query.ParseFilter(idFilter(stringValue(id)))
	if err != nil {
		return err
	}
	update := driver.Update{Filter: filter, Upsert: true, NewID: stringValue(id)}
	if update.Change, err = parseD(change, query.ParseUpdate); err != nil {
		return err
	}
	defer r.drop(id)
	_, err = r.db.engine.Update(ctx, r.ns, update, r.write())
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey { // another node has made it this very moment
		_, err = r.db.engine.Update(ctx, r.ns, update, r.write())
	}
	return err
}

// Get returns the record under id; document_not_found if there is none.
func (r *Records[T]) Get(ctx context.Context, id string) (T, error) {
	if r.cache == nil {
		return r.load(ctx, id)
	}
	return r.cache.get(id, func() (T, error) { return r.load(ctx, id) })
}

func (r *Records[T]) load(ctx context.Context, id string) (T, error) {
	var none T
	found, err := r.Find(ctx, bson.D{{Key: "_id", Value: id}}, FindOptions{Limit: 1})
	if err != nil {
		return none, err
	}
	if len(found) == 0 {
		return none, yunduo.Errorf(yunduo.ReasonDocumentNotFound, "there is no record %q in %s", id, r.ns.Collection)
	}
	return found[0], nil
}

// Update applies update operators to the record under id and reports whether there is one.
func (r *Records[T]) Update(ctx context.Context, id string, change bson.D) (bool, error) {
	return r.UpdateIf(ctx, bson.D{{Key: "_id", Value: id}}, change)
}

// UpdateIf applies update operators to the first record that matches, atomically, and reports whether one did.
func (r *Records[T]) UpdateIf(ctx context.Context, filter, change bson.D) (bool, error) {
	_, found, err := r.Take(ctx, filter, nil, change)
	return found, err
}

// Take applies update operators to the first record, by sort, that matches, atomically, and returns it as it is
// afterwards: a way to claim work that others may claim too.
func (r *Records[T]) Take(ctx context.Context, filter, sort, change bson.D) (T, bool, error) {
	var none T
	update := driver.Update{Return: driver.ReturnAfter}
	if err := r.prepare(ctx); err != nil {
		return none, false, err
	}
	var err error
	if update.Filter, err = parseD(filter, query.ParseFilter); err != nil {
		return none, false, err
	}
	if update.Change, err = parseD(change, query.ParseUpdate); err != nil {
		return none, false, err
	}
	if sort != nil {
		if update.Sort, err = parseD(sort, query.ParseSort); err != nil {
			return none, false, err
		}
	}
	result, err := r.db.engine.Update(ctx, r.ns, update, r.write())
	if err != nil {
		r.clear() // the write may have happened, to a record unknown
		return none, false, err
	}
	if result.Document == nil {
		return none, false, nil
	}
	id, _ := result.Document.Lookup("_id").StringValueOK()
	r.drop(id)
	v, err := decode[T](result.Document)
	return v, err == nil, err
}

// Delete removes the record under id and reports whether there was one.
func (r *Records[T]) Delete(ctx context.Context, id string) (bool, error) {
	defer r.drop(id)
	n, err := r.remove(ctx, bson.D{{Key: "_id", Value: id}})
	return n > 0, err
}

// DeleteMany removes all records that match and returns how many.
func (r *Records[T]) DeleteMany(ctx context.Context, filter bson.D) (int64, error) {
	defer r.clear()
	return r.remove(ctx, filter)
}

func (r *Records[T]) remove(ctx context.Context, filter bson.D) (int64, error) {
	if err := r.prepare(ctx); err != nil {
		return 0, err
	}
	parsed, err := parseD(filter, query.ParseFilter)
	if err != nil {
		return 0, err
	}
	result, err := r.db.engine.Delete(ctx, r.ns, driver.Delete{Filter: parsed, Multi: true}, r.write())
	return result.Deleted, err
}

// Find returns the records that match, by _id unless sorted; a nil filter matches all.
func (r *Records[T]) Find(ctx context.Context, filter bson.D, o FindOptions) ([]T, error) {
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	find := driver.Find{Skip: o.Skip, Limit: o.Limit}
	var err error
	if find.Filter, err = parseD(filter, query.ParseFilter); err != nil {
		return nil, err
	}
	if o.Sort != nil {
		if find.Sort, err = parseD(o.Sort, query.ParseSort); err != nil {
			return nil, err
		}
	}
	cursor, err := r.db.engine.Find(ctx, r.ns, find)
	if err != nil {
		return nil, err
	}
	defer cursor.Close()
	found := []T{}
	for cursor.Next(ctx) {
		v, err := decode[T](cursor.Current())
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, cursor.Err()
}

// Count counts the records that match; a nil filter counts all.
func (r *Records[T]) Count(ctx context.Context, filter bson.D) (int64, error) {
	if err := r.prepare(ctx); err != nil {
		return 0, err
	}
	parsed, err := parseD(filter, query.ParseFilter)
	if err != nil {
		return 0, err
	}
	return r.db.engine.Count(ctx, r.ns, parsed, "")
}

// prepare makes the collection and its indexes once.
func (r *Records[T]) prepare(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ready {
		return nil
	}
	err := r.db.engine.CreateCollection(ctx, r.ns, driver.CollectionOptions{})
	if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
		return err
	}
	for _, index := range r.options.Indexes {
		if index.Name == "" {
			index.Name = indexName(index)
		}
		if err := r.db.engine.CreateIndex(ctx, r.ns, index); err != nil {
			return err
		}
	}
	for _, name := range r.options.Dropped {
		if err := r.db.engine.DropIndex(ctx, r.ns, name); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonIndexNotFound {
			return err
		}
	}
	r.ready = true
	return nil
}

func (r *Records[T]) write() driver.WriteOptions {
	return driver.WriteOptions{Actor: string(yunduo.RoleSystem), Silent: r.options.Silent}
}

func (r *Records[T]) drop(id string) {
	if r.cache != nil {
		r.cache.drop(id)
	}
}

func (r *Records[T]) clear() {
	if r.cache != nil {
		r.cache.clear()
	}
}

// encode returns the record as a document with id in front.
func (r *Records[T]) encode(ctx context.Context, id string, v T) (bson.Raw, error) {
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	raw, err := bson.Marshal(v)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "a record of %s cannot be stored", r.ns.Collection)
	}
	return withID(raw, stringValue(id)), nil
}

func decode[T any](raw bson.Raw) (T, error) {
	var v T
	if err := bson.Unmarshal(raw, &v); err != nil {
		return v, yunduo.Wrap(err, yunduo.ReasonInternal, "a stored record cannot be read")
	}
	return v, nil
}

// parseD parses a filter, update or sort that Go code wrote.
func parseD[P any](d bson.D, parse func(bson.Raw) (*P, error)) (*P, error) {
	if d == nil {
		d = bson.D{}
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "a filter or change of records cannot be encoded")
	}
	return parse(raw)
}
