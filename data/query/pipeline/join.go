package pipeline

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// joinRows is the join by equal fields. It reads rows in batches and asks for the documents of a whole batch at once.
type joinRows struct {
	*lookupStage
	env   *environment
	in    iterator
	size  int // of the next batch
	batch rowList
	done  bool
}

const maxBatch = 512

func (r *joinRows) next(ctx context.Context) (bson.Raw, error) {
	for len(r.batch.rows) == 0 {
		if r.done {
			return nil, nil
		}
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
	return r.batch.next(ctx)
}

func (r *joinRows) close() error {
	r.batch = rowList{}
	return r.in.close()
}

// fill reads a batch and joins it.
func (r *joinRows) fill(ctx context.Context) error {
	b := r.env.budget("$lookup")
	var rows []bson.Raw
	for len(rows) < r.size {
		row, err := r.in.next(ctx)
		if err != nil {
			return err
		}
		if row == nil {
			r.done = true
			break
		}
		if err := b.charge(len(row)); err != nil {
			return err
		}
		rows = append(rows, bytes.Clone(row))
	}
	if len(rows) == 0 {
		return nil
	}
	r.size = min(2*r.size, maxBatch)
	j, err := r.find(ctx, rows, &b)
	if err != nil {
		return err
	}
	for i, row := range rows {
		list, err := j.matching(r.keys(row), &b)
		if err != nil {
			return err
		}
		rows[i] = setPath(row, r.as, list)
	}
	r.batch.rows = rows
	return nil
}

// join holds the foreign documents of a batch by the values of foreignField.
type join struct {
	documents []bson.Raw
	byKey     map[string][]int
	by        *collation.Collation
}

const nullKey = "null" // no encoded value starts with a letter of ASCII: see value.AppendKey

// find asks for the foreign documents of all rows.
func (r *joinRows) find(ctx context.Context, rows []bson.Raw, b *budget) (*join, error) {
	wanted := map[string]bool{}
	var keys []bson.RawValue
	var nulls *query.Filter
	for _, row := range rows {
		for _, key := range r.keys(row) {
			encoded, err := value.AppendKeyBy(r.by, nil, key)
			if err != nil {
				return nil, err
			}
			if wanted[string(encoded)] {
				continue
			}
			wanted[string(encoded)] = true
			keys = append(keys, key)
			if value.Nullish(key) && nulls == nil {
				if nulls, err = query.ParseFilterBy(r.by, equalTo(r.foreign, value.Null)); err != nil {
					return nil, err
				}
			}
		}
	}
	j := &join{byKey: map[string][]int{}, by: r.by}
	if len(keys) == 0 {
		return j, nil
	}
	filter, err := query.ParseFilterBy(r.by, oneOf(r.foreign, keys))
	if err != nil {
		return nil, err
	}
	found, err := r.env.src.Find(ctx, r.from, filter, nil, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // its errors came with Err
	path := value.ParsePath(r.foreign)
	for found.Next(ctx) {
		doc := bytes.Clone(found.Current())
		if err := b.charge(len(doc) + 64); err != nil {
			return nil, err
		}
		n := len(j.documents)
		j.documents = append(j.documents, doc)
		if null, _ := nulls.Match(doc); null && nulls != nil { // an equality cannot fail
			j.byKey[nullKey] = append(j.byKey[nullKey], n)
		}
		path.Any(doc, true, func(v bson.RawValue) bool {
			encoded, err := value.AppendKeyBy(r.by, nil, v)
			if err != nil || !wanted[string(encoded)] || value.Nullish(v) {
				return false
			}
			if at := j.byKey[string(encoded)]; len(at) == 0 || at[len(at)-1] != n {
				j.byKey[string(encoded)] = append(at, n)
			}
			return false
		})
	}
	return j, found.Err()
}

// matching returns the array of documents that have one of the keys, each once, in the order they were found.
func (j *join) matching(keys []bson.RawValue, b *budget) (bson.RawValue, error) {
	var hits []int
	for _, key := range keys {
		encoded := []byte(nullKey)
		if !value.Nullish(key) {
			var err error
			if encoded, err = value.AppendKeyBy(j.by, nil, key); err != nil {
				return key, err
			}
		}
		hits = append(hits, j.byKey[string(encoded)]...)
	}
	if len(keys) > 1 {
		slices.Sort(hits)
		hits = slices.Compact(hits)
	}
	out := value.BeginDocument(nil)
	for i, n := range hits {
		if err := b.charge(len(j.documents[n])); err != nil {
			return bson.RawValue{}, err
		}
		out = value.AppendIndexed(out, i, value.Document(j.documents[n]))
	}
	return value.Array(value.EndDocument(out, 0)), nil
}
