package embedded

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// Insert stores documents, all or nothing.
func (e *Engine) Insert(ctx context.Context, ns driver.Namespace, documents []bson.Raw, o driver.WriteOptions) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if _, err := e.catalog.Load().collection(ns); err != nil || len(documents) == 0 {
		return err
	}
	ids, err := encodeIDs(ns, documents)
	if err != nil {
		return err
	}
	p, err := e.withDocuments(ctx, ns, ids, func(coll *collection) (*pending, error) {
		return e.insertLocked(coll, documents, ids, o)
	})
	if err != nil {
		return err
	}
	return p.wait()
}

// encodeIDs returns the encoded _ids of new documents, which must differ from each other.
func encodeIDs(ns driver.Namespace, documents []bson.Raw) (ids [][]byte, err error) {
	seen := make(map[string]bool, len(documents))
	for _, doc := range documents {
		if len(doc) > maxDocumentBytes {
			return nil, yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "the document is larger than %d bytes", maxDocumentBytes)
		}
		id, err := documentID(doc)
		if err != nil {
			return nil, err
		}
		if seen[string(id)] {
			return nil, duplicateID(ns.Collection)
		}
		seen[string(id)] = true
		ids = append(ids, id)
	}
	return ids, nil
}

func (e *Engine) insertLocked(coll *collection, documents []bson.Raw, ids [][]byte, o driver.WriteOptions) (*pending, error) {
	mutations := make([]mutation, len(documents))
	for i, doc := range documents {
		exists, err := hasDocument(e.db.Get, coll, ids[i])
		if err != nil {
			return nil, storageError(err)
		}
		if exists {
			return nil, duplicateID(coll.name)
		}
		if mutations[i], err = newMutation(coll, ids[i], nil, append(bson.Raw(nil), doc...), o); err != nil {
			return nil, err
		}
	}
	return e.apply(commit{log: coll.log, mutations: mutations})
}
