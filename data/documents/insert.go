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
	if len(docs) < 1 || len(docs) > MaxInsert {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "documents: 1 to %d can be inserted at once, not %d", MaxInsert, len(docs))
	}
	decision, err := s.decide(ctx, ns, rules.Create)
	if err != nil {
		return nil, err
	}
	ids := make([]bson.RawValue, len(docs))
	stamped := make([]bson.Raw, len(docs))
	form := s.form()
	for i, doc := range docs {
		if err := form.check(doc, yunduo.ReasonInvalidDocument, fmt.Sprintf("documents[%d]", i)); err != nil {
			return nil, err
		}
		if stamped[i], ids[i], err = stamp(doc, s.stampOwner(), s.checkID); err != nil {
			return nil, err
		}
		if !decision.Allows(stamped[i]) {
			return nil, ruleDenied(collection, "create this document")
		}
	}
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		return on.Insert(ctx, ns, stamped, s.write())
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// stampOwner returns what _openid new documents get; empty for callers that own none.
func (s *Session) stampOwner() string {
	if s.caller.EndUser() {
		return owner(s.caller)
	}
	return ""
}
