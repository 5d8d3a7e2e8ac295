package query

import "go.mongodb.org/mongo-driver/v2/bson"

// Projection says which fields of a document to return. A nil *Projection returns documents whole.
type Projection struct{}

// ParseProjection compiles a projection; nil or an empty document keeps documents whole. It returns invalid_request
// when the form is wrong and unknown_operator when an operator does not exist here.
func ParseProjection(raw bson.Raw) (*Projection, error) { return nil, nil }

// Apply returns the chosen part of doc.
func (p *Projection) Apply(doc bson.Raw) (bson.Raw, error) { return doc, nil }
