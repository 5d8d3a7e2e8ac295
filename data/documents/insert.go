package documents

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/rules"
)

// Insert stores documents, all or none, and returns their _ids in order. A document without _id gets a text of 32
// hexadecimal characters; those of end users get _openid. Reasons: collection_not_found, permission_denied,
// invalid_document, document_too_large, duplicate_key, invalid_request.
func (s *Session) Insert(ctx context.Context, collection string, docs []bson.Raw) ([]bson.RawValue, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return nil, err
	}
	stamped, ids, err := s.stamped(ctx, ns, docs)
	if err != nil {
		return nil, err
	}
	if err := s.insert(ctx, ns, stamped); err != nil {
		return nil, err
	}
	return ids, nil
}

// insert stores documents that have been checked and stamped.
func (s *Session) insert(ctx context.Context, ns driver.Namespace, stamped []bson.Raw) error {
	return s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		return on.Insert(ctx, ns, stamped, s.write())
	})
}

// stamped checks documents that the caller wants to store, and returns them as they will be, with their _ids.
func (s *Session) stamped(ctx context.Context, ns driver.Namespace, docs []bson.Raw) (stamped []bson.Raw, ids []bson.RawValue, err error) {
	if len(docs) < 1 || len(docs) > MaxInsert {
		return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "documents: 1 to %d can be inserted at once, not %d", MaxInsert, len(docs))
	}
	decision, err := s.decide(ctx, ns, rules.Create)
	if err != nil {
		return nil, nil, err
	}
	ids = make([]bson.RawValue, len(docs))
	stamped = make([]bson.Raw, len(docs))
	form := s.form()
	for i, doc := range docs {
		if err := form.check(doc, yunduo.ReasonInvalidDocument, fmt.Sprintf("documents[%d]", i)); err != nil {
			return nil, nil, err
		}
		if stamped[i], ids[i], err = stamp(doc, s.stampOwner(), s.checkID); err != nil {
			return nil, nil, err
		}
		if !decision.Allows(stamped[i]) {
			return nil, nil, ruleDenied(ns.Collection, "create this document")
		}
	}
	return stamped, ids, nil
}

// stampOwner returns what _openid new documents get; empty for callers that own none.
func (s *Session) stampOwner() string {
	if s.caller.EndUser() {
		return owner(s.caller)
	}
	return ""
}
